"""Results of queries as files."""

from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest

from gfpipe.base import files
from gfpipe.errors import DiskFullError
from gfpipe.warehouse import results


@pytest.mark.parametrize("form", get_args(results.Format))
def test_a_full_disk_is_one_line_and_keeps_the_old_file(
    form: results.Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, full = tmp_path / "figures", tmp_path / "full"
    path.write_text("of yesterday")
    full.symlink_to("/dev/full")
    monkeypatch.setattr(files, "temporary_name", lambda _: full)
    with pytest.raises(DiskFullError) as failure:
        results.write(pa.table({"seconds": range(1000)}), form, path)
    assert str(failure.value) == f"{path}: no space left on its disk; free some, then run again"
    assert path.read_text() == "of yesterday"


@pytest.mark.parametrize("form", get_args(results.Format))
def test_a_device_stays_one_and_a_link_too(form: results.Format, tmp_path: Path) -> None:
    rows = pa.table({"seconds": range(10)})
    device, link, file = tmp_path / "device", tmp_path / "link", tmp_path / "file"
    device.symlink_to("/dev/null")
    link.symlink_to(file)
    for path in (device, link):
        results.write(rows, form, path)
        assert path.is_symlink()
    assert device.is_char_device()
    assert file.stat().st_size > 10
