"""Commands: help, exit codes, messages, and one run from an archive to SQL."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.main import get_command

from gfpipe.archive import manifest
from gfpipe.cli.main import PANELS, app
from tests.conftest import ROOT, Command
from tests.labelling.lakes import NORTH
from tests.labelling.lakes import lake as build_lake
from tests.pipeline.archives import programme

COMMANDS = (
    ["analyse"],
    ["status"],
    ["acknowledge"],
    ["publish"],
    ["sql"],
    ["train"],
    ["evaluate"],
    ["explain"],
    ["promote"],
    ["retrain"],
    ["purge"],
    ["demo"],
    ["serve"],
    ["models", "list"],
    ["models", "show"],
    ["models", "pull"],
    ["study", "heads"],
    ["study", "systems"],
    ["study", "masking"],
    ["reclassify"],
    ["stats"],
    ["report"],
    ["overlay"],
    ["export"],
    ["label", "import"],
    ["label", "list"],
    ["label", "remove"],
    ["label", "serve"],
    ["label", "sample"],
    ["label", "plan"],
    ["label", "agreement"],
    ["study", "thresholds"],
    ["curate"],
    ["learn"],
    ["speech", "import"],
    ["ina", "import"],
    ["ina", "compare"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(gfpipe: Command, command: list[str]) -> None:
    result = gfpipe(*command, "--help")
    assert result.code == 0
    assert f"gfpipe {' '.join(command)}" in result.stdout.partition("Example:")[2]


def test_the_help_shows_every_command_in_its_panel(gfpipe: Command) -> None:
    text = gfpipe("--help").stdout
    names = [name for names in PANELS.values() for name in names.split()]
    assert set(names) == set(getattr(get_command(app), "commands"))  # noqa: B009 - typed only for groups
    assert re.findall(r"^│ ([a-z]+) ", text, re.MULTILINE) == names
    assert re.findall(r"─ ([A-Z0-9][a-zA-Z,. ]+) ─", text) == ["Options", *PANELS]


def test_the_help_imports_no_heavy_library() -> None:
    code = "import sys, gfpipe.cli.main as m\ntry: m.app(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "numpy", "pandas", "pyarrow", "duckdb", "prefect", "pydantic", "rich.progress", "rich.markdown"}
    assert heavy & set(run.stderr.split()) == set()


def test_the_version_is_printed(gfpipe: Command) -> None:
    assert gfpipe("--version").stdout == f"gfpipe {version('gfpipe')}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyse"], "Missing argument"),
        (["analyse", "nowhere", "--lake", "lake"], "nowhere: no such folder or manifest"),
        (["analyse", "nowhere", "--lake", "lake", "--every", "0"], "between 0.04 and 3600"),
        (["analyse", "nowhere", "--lake", "lake", "--sampling", "all"], "keyframes"),
        (["analyse", str(ROOT / "tests"), "--lake", "lake"], "no recordings in it"),
        (["analyse", "nowhere", "--lake", "lake", "--keep-crops"], "--keep-crops needs --expires"),
        (["analyse", "nowhere", "--lake", "lake", "--expires", "30d"], "--expires without --keep-crops"),
        (["analyse", "nowhere", "--lake", "lake", "--crops-per-day", "9"], "--crops-per-day without --keep-crops"),
        (["analyse", "nowhere", "--lake", "lake", "--keep-crops", "--expires", "2y"], "'2y' is not a term"),
        (["purge", "--lake", "lake"], "exactly one of --expired, --recording and --all"),
        (["models", "show", "cydral"], "did you mean cydral-"),
        (["models", "pull"], "--all"),
        (["serve", "--config", "nowhere.toml"], r"nowhere\.toml: no such file"),
        (["stats", "--lake", "lake", "--format", "parquet"], "needs a file: --out FILE"),
        (["stats", "--lake", "lake", "--out", "figures"], "choose one with --format"),
        (["status", "--lake", "lake", "--out", "coverage.doc"], r"\.csv, \.json, \.parquet, \.md, \.tex, \.txt"),
        (["stats", "--lake", "lake", "--sensitivity", "--columns", "all"], "about the whole archive"),
        (["stats", "--lake", "lake", "--format", "xlsx"], "parquet"),
        (["stats", "--lake", "lake", "--sensitivity", "--min-face", "36"], "about the whole archive"),
        (["stats", "--lake", "lake", "--exclude", "nowhere.csv"], "does not exist"),
        (["stats", "--lake", "lake", "--since", "yesterday"], "such as 2024-03-31"),
        (["export", "--lake", "lake"], "Missing option"),
        (["export", "--lake", "lake", "--out", "figures", "--shape", "wide"], "tidy"),
        (["report"], "Missing option"),
        (["reclassify", "--lake", "lake"], "Missing option"),
        (["reclassify", "--lake", "lake", "--classifier", "nothing", "--dry-run"], "nothing"),
        (["label", "import", "--lake", "lake"], "Missing argument"),
        (["label", "remove", "nowhere.csv", "--lake", "lake"], "never imported"),
        (["speech", "import", "nowhere", "--lake", "lake"], "nowhere: no such file or folder"),
        (["ina", "import", "nowhere", "--lake", "lake", "--into", "lake/"], "give another folder"),
        (["ina", "import", "nowhere", "--lake", "lake", "--into", "other"], "nowhere: no such file or folder"),
        (["ina", "import", "nowhere", "--lake", "lake", "--into", "other", "--fps", "0"], "--fps is more than 0"),
        (["ina", "compare", "--lake", "lake", "--with", "other", "--by", "model"], "choose another grouping"),
    ],
)
def test_wrong_use_gives_one_line_and_exit_code_2(
    gfpipe: Command, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lake" / "recordings").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    result = gfpipe(*arguments)
    assert result.code == 2
    assert re.search(message, result.stderr)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["status", "publish", "sql", "stats", "report", "export --out figures"])
def test_a_missing_lake_gives_exit_code_2(gfpipe: Command, command: str, tmp_path: Path) -> None:
    result = gfpipe(*command.split(), "--lake", str(tmp_path / "lake"))
    assert result.code == 2
    assert "there is no such lake" in result.stderr
    assert "Traceback" not in result.stderr


def test_labels_are_imported_listed_and_removed(gfpipe: Command, tmp_path: Path) -> None:
    lake, file = build_lake(tmp_path / "lake"), tmp_path / "labels.csv"
    file.write_text(f"recording,seconds,box,answer,remark\n{NORTH},3,10 10 90 90,woman,\n{NORTH},4,10 10 90 90,man,\n")
    imported = gfpipe("label", "import", str(file), "--lake", lake)
    assert imported.code == 0, imported.stderr
    assert "2 labels in 1 recording: 1 female, 1 male" in imported.stderr
    assert "Columns that were not used: remark" in imported.stderr
    assert "labels.csv" in gfpipe("label", "list", "--lake", lake).stdout

    assert "would be removed" in gfpipe("label", "remove", str(file), "--lake", lake, "--dry-run").stderr
    assert "2 labels were removed" in gfpipe("label", "remove", str(file), "--lake", lake).stderr
    assert "holds no labels" in gfpipe("label", "list", "--lake", lake).stderr


def test_wrong_labels_give_exit_code_2_and_their_lines(gfpipe: Command, tmp_path: Path) -> None:
    lake, file = build_lake(tmp_path / "lake"), tmp_path / "labels.csv"
    file.write_text(f"recording,seconds,box,answer\n{NORTH},3,10 10 90 90,lady\nnowhere.mp4,4,10 10 90 90,man\n")
    result = gfpipe("label", "import", str(file), "--lake", lake)
    assert result.code == 2
    assert "labels.csv, line 2: answer 'lady' is unknown" in result.stderr
    assert "labels.csv, line 3: no recording" in result.stderr
    assert gfpipe("label", "list", "--lake", lake).stdout == ""


def test_speech_without_a_recording_is_listed_and_gives_exit_code_1(gfpipe: Command, tmp_path: Path) -> None:
    lake, folder = build_lake(tmp_path / "lake"), tmp_path / "segments" / "north" / "2024-03-07"
    folder.mkdir(parents=True)
    for name in ("1900_news", "2359_nothing"):
        (folder / f"{name}.csv").write_text("labels\tstart\tstop\nfemale\t0.0\t30.0\n")
    result = gfpipe("speech", "import", str(tmp_path / "segments"), "--lake", lake)
    assert result.code == 1
    assert "1 recording: female 0:00:30" in result.stderr
    assert "2359_nothing.csv" in result.stdout
    assert "1 files were left out" in result.stderr
    assert gfpipe("speech", "import", str(folder / "1900_news.csv"), "--lake", lake).code == 0


@pytest.mark.slow
def test_an_archive_with_a_bad_file_is_analysed_published_and_queried(
    gfpipe: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, lake = tmp_path / "archive", str(tmp_path / "lake")
    listed = Mock(wraps=manifest.read)
    monkeypatch.setattr(manifest, "read", listed)
    programme(archive, "tv/2001-03-04/2000_news.mp4")
    (archive / "tv/2001-03-04/2100_bad.mp4").write_text("no video")

    analysed = gfpipe("analyse", str(archive), "--lake", lake, "--timezone", "Europe/Paris")
    assert analysed.code == 1, analysed.stderr  # some recordings failed
    assert "done    tv · 2001-03-04 20:00 · news" in analysed.stderr
    assert "not a video file" in analysed.stderr
    assert "1 done, 0 partial, 1 failed" in analysed.stderr
    assert listed.call_count == 1  # the flow does not list the archive again

    status = gfpipe("status", "--lake", lake)
    assert status.code == 1  # it is new
    assert "1 of 2 recordings" in status.stdout.splitlines()[0]
    assert "2100_bad.mp4" in status.stdout

    published = gfpipe("publish", "--lake", lake)
    assert published.code == 0, published.stderr
    assert "tv" in published.stdout

    answer = gfpipe("sql", "--lake", lake, "--format", "json", "-c", "from screen_time_by_channel")
    (row,) = json.loads(answer.stdout)
    assert row["male_face_seconds"] == pytest.approx(4, abs=0.04)
    assert row["share_female_face_time"] == 0

    rows = tmp_path / "rows.parquet"
    assert gfpipe("sql", "--lake", lake, "-c", "from coverage", "--out", str(rows)).code == 0
    assert rows.read_bytes()[:4] == b"PAR1"
    assert gfpipe("sql", "--lake", lake, "-c", "select nonsense").code == 2
