"""Reading of files whose storage may not respond."""

import threading
from pathlib import Path

import pytest

from gfpipe.base import regular


def test_both_ends_of_a_file_are_read(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "file").write_bytes(content)
    assert regular.read_ends(tmp_path / "file") == (len(content), content[:65536] + content[-65536:])
    assert regular.read_ends(tmp_path / "missing") is None
    assert regular.read_ends(tmp_path) is None


def test_storage_that_does_not_respond_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    responds = threading.Event()

    def blocked(_: Path) -> None:
        responds.wait()
        raise OSError

    monkeypatch.setattr(regular, "open_regular", blocked)
    monkeypatch.setattr(regular, "_RESPONSE_SECONDS", 0.1)
    assert regular.read_ends(tmp_path) is None
    responds.set()
