"""Work that is interrupted: each has a folder to prepare, an act that writes to it, and the state that counts."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from gfpipe import warehouse
from gfpipe.choices import Overlaps
from gfpipe.counting import Counting
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.labelling import store as labels
from gfpipe.labelling.labels import Label
from gfpipe.lake import crops, shards
from gfpipe.lake.index import earlier
from gfpipe.lake.retention import PurgeScope
from gfpipe.lake.storage import Storage
from gfpipe.models import champion, store
from gfpipe.recording import Recording
from gfpipe.stages.analysis import compact, purge
from gfpipe.stages.figures import publish
from tests.kills import footage
from tests.lake import kept

State = dict[str, Any]

_DECISION: Final = Decision("ours", champion.FIRST, passed=True, checks=(), on="2024-03-07T12:00:00+00:00")


@dataclass(frozen=True)
class Scenario:
    """Work to interrupt; at any moment each part of the state is the old one, the new one or, if not finished, None.

    Attributes:
        load: loads what takes long, once for all trials.
    """

    prepare: Callable[[Path], object]
    act: Callable[[Path], object]
    state: Callable[[Path], State]
    load: Callable[[], object] = lambda: None


def _recordings(folder: Path, count: int = 3) -> list[Any]:
    return [kept.recording(folder / "archive", f"show {index}") for index in range(count)]


def _analyse(folder: Path, digest: str = "digest1", faces: int = 40) -> None:
    for recording in _recordings(folder):
        if shards.finished(str(folder / "lake"), recording, kept.run(digest)) is None:
            kept.keep(folder / "lake", recording, faces, digest=digest)


def _analysed(folder: Path) -> State:
    return footage.rows_of(str(folder / "lake"), _recordings(folder))


def _published(folder: Path) -> State:
    with warehouse.open(folder / "lake") as db:
        assert db.check() == ()
        return {"warehouse": db.query("select recording_id, samples, faces from screen_time order by all").to_pylist()}


def _crops(folder: Path) -> State:
    storage = Storage(str(folder / "lake"))
    names = crops.names(storage)
    return {item.programme: any(item.recording_id in name for name in names) for item in _recordings(folder)}


def _label(folder: Path, answer: str) -> None:
    for number, recording in enumerate(_recordings(folder)):
        rows = [
            Label(recording.recording_id, float(at), 0.0, 0.0, 9.0, 9.0, answer, 1.0, "Ada", whole_picture=False)
            for at in range(40)
        ]
        labels.write_labels(str(folder / "lake"), Path(f"/labels/{number}.csv"), rows)


def _labelled(folder: Path) -> State:
    storage = Storage(str(folder / "lake"))
    names = [name for name in storage.files("labels") if name.endswith(".parquet")]
    return {f"file {number}": storage.read_table(name)["answer"].to_pylist() for number, name in enumerate(names)}


def _models(folder: Path) -> None:
    first = store.open_model(champion.FIRST)
    os.environ["GFPIPE_MODELS"] = str(folder / "models")
    store.save_model(replace(first.card, id="ours"), first.weights)


def _promote(folder: Path) -> None:
    os.environ["GFPIPE_MODELS"] = str(folder / "models")
    champion.record("ours", _DECISION)


def _promoted(folder: Path) -> State:
    os.environ["GFPIPE_MODELS"] = str(folder / "models")
    store.open_model("ours")  # its weights match its card
    return {"champion": champion.champion()}


def _publish_again(folder: Path) -> None:
    _analyse(folder)
    publish.run(folder / "lake")
    _analyse(folder, "digest2", 60)


def _compact_again(folder: Path) -> None:
    """A month with compacted recordings, of which one was analysed again, and a new one."""
    _analyse(folder)
    compact.run(str(folder / "lake"))
    changed, *_, late = _recordings(folder, 4)
    for recording in (changed, late):
        kept.keep(folder / "lake", recording, 60, digest="digest2", with_crops=False)


def _counted(folder: Path) -> State:
    """What counts, by the readers of single shards, the index, and the warehouse."""
    lake = str(folder / "lake")
    recordings = earlier.analysed(lake)
    rows = {f"{item.programme}, rows": found for item in recordings if (found := _rows(lake, item))}
    copy = folder.with_name("published")  # publishing completes what was interrupted
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(lake, copy)
    warehouse.build(copy, counting=Counting(overlapping=Overlaps.ALL))
    with warehouse.open(copy) as db:
        assert db.check() == ()
        return rows | {"warehouse": db.query("select recording_id, samples from screen_time order by all").to_pylist()}


def _rows(lake: str, recording: Recording) -> Any:
    stored = shards.stored(lake, recording)
    tables = {} if stored is None else {name: shards.rows(lake, stored, name) for name in shards.ROW_TABLES}
    return {name: table.to_pylist() for name, table in tables.items()}


SCENARIOS: Final = {
    "analysis": Scenario(_analyse, lambda folder: _analyse(folder, "digest2", 60), _analysed),
    "publish": Scenario(_publish_again, lambda folder: publish.run(folder / "lake"), _published),
    "purge": Scenario(_analyse, lambda f: purge.run(str(f / "lake"), PurgeScope(everything=True)), _crops),
    "labels": Scenario(lambda folder: _label(folder, "male"), lambda folder: _label(folder, "female"), _labelled),
    "promote": Scenario(_models, _promote, _promoted),
    "stage": Scenario(footage.prepare_stage, footage.analyse_stage, footage.rows, footage.load_models),
    "compact": Scenario(_analyse, lambda folder: compact.run(str(folder / "lake")), _counted),
    "compact again": Scenario(_compact_again, lambda folder: compact.run(str(folder / "lake")), _counted),
    "page": Scenario(footage.prepare_page, footage.answer, footage.answers),
    "gfpipe publish": Scenario(
        footage.prepare_publish_command, footage.publish_command, footage.published, footage.start_server
    ),
    "gfpipe analyse": Scenario(
        footage.prepare_command, footage.analyse_command, footage.published_again, footage.start_server
    ),
}
