"""Interrupted work on real footage: the analysis stage, whole commands, and the labelling page."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from gfpipe import warehouse
from gfpipe.archive import manifest
from gfpipe.archive.manifest import Manifest
from gfpipe.choices import DEFAULT_PATTERN
from gfpipe.errors import GfpipeError
from gfpipe.labelling.design import queues
from gfpipe.lake import schema, shards
from gfpipe.lake.storage import Storage
from gfpipe.models import champion
from gfpipe.recording import Recording
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import listing
from gfpipe.stages.figures import publish
from tests.labelling.broadcasts import items, lake_of_broadcasts, queue
from tests.pages.label.pages import visiting
from tests.pipeline.archives import programme

State = dict[str, Any]

_COARSE: Final = Analysis(classifier=champion.FIRST, every_seconds=2.0)
_FINE: Final = Analysis(classifier=champion.FIRST)
_TOTALS: Final = "select programme, samples, analysed_seconds, faces, male_face_seconds from screen_time order by all"
_FACES: Final = 10
_PR_SET_PDEATHSIG: Final = 1
_SERVERS: Final[list[Any]] = []


def load_models() -> None:
    """Load what every child needs, without starting threads."""
    import torch

    from gfpipe.stages.analysis import analyse

    torch.set_num_threads(1)
    analyse.prepare(_FINE)


def archive(folder: Path) -> Path:
    """Three programmes of three seconds, beside the folder that the trials copy: a path is part of a recording."""
    place = folder.parent / "archive"
    for number, extension in enumerate(("mp4", "ts", "mp4")):
        if not (path := place / f"tv/2001-03-0{number + 1}/2000_p{number}.{extension}").exists():
            programme(place, str(path.relative_to(place)), 3)
    return place


def _holdings(folder: Path) -> Manifest:
    return manifest.read(archive(folder), DEFAULT_PATTERN, "UTC")


def analyse_stage(folder: Path, config: Analysis = _FINE) -> None:
    """Run the stage on every recording."""
    from gfpipe.stages.analysis import analyse

    lake, holdings = str(folder / "lake"), _holdings(folder)
    listing.run(lake, holdings, listing.plan(lake, holdings))
    for recording in holdings.recordings:
        analyse.run(recording, lake, config)


def prepare_stage(folder: Path) -> None:
    """A lake of another sampling, whose recordings are analysed again."""
    analyse_stage(folder, _COARSE)


def rows_of(lake: str, recordings: Iterable[Recording]) -> State:
    """All rows of each recording by its programme, or None where it is not finished."""
    state = State()
    for recording in recordings:
        stored = shards.stored(lake, recording)
        if stored is None or shards.finished(lake, recording, stored.provenance) is None:
            state[recording.programme] = None
        else:
            state[recording.programme] = [shards.rows(lake, stored, table).to_pylist() for table in schema.ANALYSED[1:]]
    return state


def rows(folder: Path) -> State:
    """All rows of each recording, or None where it is not finished; and the number of recordings."""
    state = rows_of(str(folder / "lake"), _holdings(folder).recordings)
    finished = [path for path in (folder / "lake/recordings/v1").rglob("*.parquet") if path.name[0] not in "._"]
    return state | {"recordings": len(finished) <= len(state)}


def prepare_command(folder: Path) -> None:
    """A published lake of another sampling."""
    analyse_stage(folder, _COARSE)
    publish.run(folder / "lake")


def prepare_publish_command(folder: Path) -> None:
    """A published lake that was analysed again."""
    prepare_command(folder)
    analyse_stage(folder)


def analyse_command(folder: Path) -> None:
    """``gfpipe analyse ARCHIVE``."""
    _command("analyse", str(archive(folder)), "--timezone", "UTC", "--lake", str(folder / "lake"), "--workers", "1")


def publish_command(folder: Path) -> None:
    """``gfpipe publish``."""
    _command("publish", "--lake", str(folder / "lake"))


def _command(*arguments: str) -> None:
    """Run a command, which is killed with this process."""
    command = [sys.executable, "-c", "from gfpipe.cli.main import main; main()", *arguments]
    subprocess.run(command, check=True, capture_output=True, preexec_fn=_die_with_parent)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@cache
def start_server() -> None:
    """Start a Prefect server that the commands of all trials use."""
    from gfpipe.flows.server import Server

    server = Server()
    server.wait()
    os.environ["PREFECT_API_URL"] = server.api_url
    subprocess.run([sys.executable, "-c", "from gfpipe.flows import limits; limits.create(1)"], check=True)
    _SERVERS.append(server)  # it ends with this process


def published(folder: Path) -> State:
    """Totals of the warehouse, which adds up."""
    with warehouse.open(folder / "lake") as db:
        assert db.check() == ()
        return {"warehouse": db.query(_TOTALS).to_pylist()}


def published_again(folder: Path) -> State:
    """Rows of each recording, and totals of what could be published now."""
    state = rows(folder)
    if None not in state.values():
        publish.run(folder / "lake")
        state |= published(folder)
    return state


def prepare_page(folder: Path) -> None:
    """A queue of faces."""
    lake = lake_of_broadcasts(folder)
    queue(lake, *items(lake, queues.FACE)[:_FACES])


def answer(folder: Path) -> None:
    """Answer a queue over HTTP, and note what the page reported as saved."""
    lake = str(folder / "lake")
    label_queue = queues.read(lake, "look")
    with visiting(lake, label_queue) as visitor:
        visitor.log_in()
        for position in range(len(label_queue.items)):
            response = visitor.post(f"/api/items/{position}/face", {"answer": _answer(position)})
            if response.is_error:
                raise GfpipeError(response.text)
            _acknowledge(folder, position)


def _acknowledge(folder: Path, position: int) -> None:
    try:
        with (folder / "acknowledged").open("a") as acknowledged:
            acknowledged.write(f"{position}\n")
    except OSError as exc:
        raise GfpipeError(f"{folder}: {exc.strerror}") from exc


def _answer(position: int) -> str:
    return ("male", "female")[position % 2]


def answers(folder: Path) -> State:
    """The stored answers, and whether one of them is missing although it was reported as saved, or is there twice."""
    storage = Storage(str(folder / "lake"))
    names = [name for name in storage.files("labels") if name.endswith(".parquet") and "/_" not in name]
    stored = [row for name in names if "/." not in name for row in storage.read_table(name).to_pylist()]
    found = {row["position"]: row["answer"] for row in stored}
    reported: list[int] = []
    with suppress(FileNotFoundError):
        reported = [int(line) for line in (folder / "acknowledged").read_text().splitlines()]
    state: State = {f"answer {position}": found.get(position) for position in range(_FACES)}
    return state | {"kept": set(reported) <= set(found), "once": len(found) == len(stored)}
