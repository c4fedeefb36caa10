"""An empty models folder, and a machine without network."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gfpipe.models import store


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder and an empty cache."""
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("GFPIPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Direct pip and httpx to a closed port."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.fixture
def package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None) -> Callable[[str, bytes], None]:
    """Publish a file in a wheel, ``madeup==1.0``, in a local package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def publish(member: str, content: bytes) -> None:
        with zipfile.ZipFile(folder / "madeup-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(member, content)
            wheel.writestr("madeup-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: madeup\nVersion: 1.0\n")
            wheel.writestr("madeup-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr("madeup-1.0.dist-info/RECORD", "")

    return publish


def checkpoint(content: object) -> bytes:
    """Serialise with ``torch.save``."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def site_entry(models: Path, source: str, more: str = "", network: str = "resnet18", name: str = "ours") -> None:
    """Add a classifier to the site's own catalogue."""
    models.mkdir(exist_ok=True)
    text = f"""
[{name}]
task = "perceived-gender"
network = "{network}"
source = "{source}"
licence = "none"
converter = "checkpoint"
heads = [{{ attribute = "perceived_gender", classes = ["female", "male"] }}]
input = {{ size = 64, mean = [0, 0, 0], std = [255, 255, 255] }}
{more}
"""
    with (models / "catalog.toml").open("a") as file:
        file.write(text)


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def pull_and_open(name: str) -> str:
    """Pull a model again and open it; returns the SHA-256 of its weights."""
    store.pull(name, force=True)
    return store.open_model(name).card.sha256
