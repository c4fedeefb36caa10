"""gfpipe.toml: what a site chose, or a clear word about what it cannot choose."""

from pathlib import Path

import pytest

from gfpipe import settings
from gfpipe.errors import UsageError
from gfpipe.settings import Analysis, Keeping, Learning
from tests.conftest import ROOT


def load(folder: Path, text: str) -> settings.Settings:
    path = folder / "gfpipe.toml"
    path.write_text(text)
    return settings.load(path)


def test_a_site_is_read_with_folders_beside_its_file(tmp_path: Path) -> None:
    site = load(tmp_path, 'archive = "tv"\nlake = "s3://bucket/lake"\nworkers = 3\n[analysis]\nevery_seconds = 2\n')
    assert site.archive == str(tmp_path / "tv")
    assert site.lake == "s3://bucket/lake"
    assert site.workers == 3
    assert site.analysis == Analysis(every_seconds=2.0)


def test_what_is_learned_is_the_sites_choice(tmp_path: Path) -> None:
    text = (
        'archive = "tv"\nlake = "l"\n[learn]\ndata = ["labelled:utkface=U"]\ngate_data = ["utkface=U"]\nthreshold = 0\n'
    )
    learning = load(tmp_path, text).learning
    assert learning == Learning(("labelled:utkface=U",), ("utkface=U",), threshold=0.0)
    assert load(tmp_path, text.partition("[learn]")[0]).learning is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('archive = "tv"', "lake is missing"),
        ('archive = "tv"\nlake = "l"\nworker = 3', "unknown key 'worker'; known are .*workers"),
        ('archive = "tv"\nlake = "l"\nworkers = "3"', "workers is '3'"),
        ('archive = "tv"\nlake = "l"\n[analysis]\nsampling = "all"', "choose keyframes or exact"),
        ('archive = "tv"\nlake = "l"\n[analysis]\nevery_seconds = 0', "between 0.04 and 3600"),
        ('archive = "tv"\nlake = "l"\n[learn]\ndata = ["a=b"]', "gate_data is missing, or no list"),
        ('archive = "tv"\nlake = "l"\n[learn]\ndata = []\ngate_data = ["a=b"]', "learn data is empty"),
        ('archive = "tv"\nlake = "l"\n[learn]\ndata = ["a=b"]\ngate_data = ["a=b"]\nthreshold = 1', "below 1"),
        ("archive = ", "cannot be read as TOML"),
        (
            'archive = "tv"\nlake = "l"\n[crops]\nper_day = 3',
            r"\[crops\]: expires is missing: no crop is kept without a date",
        ),
        ('archive = "tv"\nlake = "l"\n[crops]\nexpires = "for ever"', "is no term: say .* 12h, 30d or 2w"),
        ('archive = "tv"\nlake = "l"\n[crops]\nexpires = "367d"', "366d is the longest term"),
        (
            'archive = "tv"\nlake = "l"\n[crops]\nexpires = "1d"\nper_track = 0',
            "per_track is 0; choose between 1 and 100",
        ),
        ('archive = "tv"\nlake = "l"\n[crops]\nexpires = "1d"\nagain = 1', "again is 1"),
        ('archive = "tv"\nlake = "l"\n[crops]\nexpires = "1d"\nper_days = 1', "unknown key 'per_days'"),
        ('archive = "tv"\nlake = "l"\ncrops = "30d"', "'30d' is not a table"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(tmp_path, text)


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gfpipe\.toml: no such file"):
        settings.load(tmp_path / "gfpipe.toml")


def test_no_crops_are_kept_unless_the_file_says_so_and_then_not_again_every_night(tmp_path: Path) -> None:
    assert load(tmp_path, 'archive = "tv"\nlake = "l"').keeping is None
    site = load(tmp_path, 'archive = "tv"\nlake = "l"\n[crops]\nexpires = "30d"\nper_recording = 50')
    assert site.keeping == site.job["keeping"] == Keeping("30d", per_recording=50, again=False)


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), ("2w", 336), ("366d", 8784)])
def test_terms_are_hours_days_or_weeks(text: str, hours: int) -> None:
    assert Keeping(text).term.total_seconds() == hours * 3600


def test_the_example_of_the_deployment_is_right_with_and_without_what_it_comments_out(tmp_path: Path) -> None:
    example = (ROOT / "deploy" / "gfpipe.toml").read_text(encoding="utf-8")
    assert load(tmp_path, example).keeping is None
    crops = example[example.index("# [crops]") :].partition("\n\n")[0].replace("\n# ", "\n").removeprefix("# ")
    assert load(tmp_path, f"{example}\n{crops}").keeping == Keeping("30d", again=False)
