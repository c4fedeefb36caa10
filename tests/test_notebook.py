"""The notebook of the documentation runs, and its stored outputs are of these cells."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import gfpipe
from gfpipe.errors import UsageError
from gfpipe.stages.figures import publish
from tests.conftest import ROOT
from tests.estimates.archives import shows
from tests.warehouse.lakes import write_show

pytestmark = pytest.mark.slow

NOTEBOOK = ROOT / "docs/guide/notebook.ipynb"
PICTURE = "image/png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake where the demo has its own."""
    folder: Path = tmp_path_factory.mktemp("notebook")
    for show in shows()[:8]:
        write_show(folder / "demo/lake", show)
    publish.run(folder / "demo/lake")
    return folder


def test_the_notebook_runs_and_ends_with_a_picture(folder: Path) -> None:
    notebook = _read()
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "demo/lake" in cells[0].source
    assert _kinds(cells[-1]) >= {PICTURE}
    assert sum(PICTURE in _kinds(cell) for cell in cells) == 3


def test_the_notebook_is_stored_with_its_outputs() -> None:
    cells = [cell for cell in _read().cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(PICTURE in _kinds(cell) for cell in cells) == 3
    assert not [output for cell in cells for output in cell.outputs if output.output_type in {"error", "stream"}]


def test_charts_hold_their_data_and_their_values_are_in_the_given_language(folder: Path) -> None:
    lake = gfpipe.open(folder / "demo/lake")
    spec = lake.chart("channels", lang="de").to_dict()
    (points,) = spec["datasets"].values()
    assert {point["channel"] for point in points} == {"One", "Two"}
    assert all("wie gezählt" in point["says"] and "," in point["says"] for point in points)
    assert "tooltip" in str(spec)
    narrower = lake.chart("channels", only_channels=("One",)).to_dict()["datasets"]
    assert {point["channel"] for points in narrower.values() for point in points} == {"One"}


def test_a_figure_or_language_that_there_is_not_is_named_with_those_there_are(folder: Path) -> None:
    lake = gfpipe.open(folder / "demo/lake")
    with pytest.raises(UsageError, match=r"pie.*channels"):
        lake.chart("pie")
    with pytest.raises(UsageError, match=r"lang xx.*fr"):
        lake.chart("channels", lang="xx")


def _read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def _kinds(cell: Any) -> set[str]:
    return {kind for output in cell.outputs for kind in output.get("data", {})}
