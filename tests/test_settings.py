"""Settings: gfpipe.toml and the environment."""

from pathlib import Path

import pytest

from gfpipe import settings
from gfpipe.choices import Sampling
from gfpipe.counting import Counting
from gfpipe.errors import UsageError
from gfpipe.settings import Analysis, CropRetention, Learning
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


def test_the_table_learn_is_optional(tmp_path: Path) -> None:
    text = (
        'archive = "tv"\nlake = "l"\n[learn]\ndata = ["labelled:utkface=U"]\ngate_data = ["utkface=U"]\nthreshold = 0\n'
    )
    assert load(tmp_path, text).learn == Learning(["labelled:utkface=U"], ["utkface=U"], threshold=0.0)
    assert load(tmp_path, text.partition("[learn]")[0]).learn is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('archive = "tv"', "lake is missing"),
        ("worker = 3", r"unknown key 'worker'; did you mean 'workers'\? known are .*workers"),
        ('workers = "3"', "workers should be a valid integer, got '3'"),
        ("workers = -1", "workers should be greater than or equal to 0, got -1"),
        ('timezone = "Europe/Pari"', "timezone: 'Europe/Pari' is not a time zone; write one such as Europe/Paris"),
        ('[analysis]\nsampling = "all"', r"\[analysis\]: sampling should be 'keyframes' or 'exact', got 'all'"),
        ("[analysis]\nevery_seconds = 0", "every_seconds: 0 is not between 0.04 and 3600"),
        ('[learn]\ndata = ["a=b"]', r"\[learn\]: gate_data is missing"),
        ('[learn]\ndata = []\ngate_data = ["a=b"]', "data .*at least 1 item"),
        ('[learn]\ndata = ["a=b"]\ngate_data = ["a=b"]\nthreshold = 1', "threshold should be less than 1, got 1"),
        ("archive = ", "cannot be read as TOML"),
        ("[crops]\nper_day = 3", r"\[crops\]: expires is missing"),
        ('[crops]\nexpires = "for ever"', "expires: 'for ever' is not a term; write 12h, 30d or 2w"),
        ('[crops]\nexpires = "367d"', "366d is the longest term"),
        ('[crops]\nexpires = "1d"\nper_track = 0', "per_track: 0 is not between 1 and 100"),
        ('[crops]\nexpires = "1d"\nagain = 1', "again should be a valid boolean, got 1"),
        ('[crops]\nexpires = "1d"\nper_days = 1', "unknown key 'per_days'"),
        ('crops = "30d"', "crops should be a table, got '30d'"),
    ],
)
def test_an_error_names_the_file_the_key_and_valid_values(tmp_path: Path, text: str, message: str) -> None:
    site = "" if text.startswith("archive") else 'archive = "tv"\nlake = "l"\n'
    with pytest.raises(UsageError, match=rf"gfpipe\.toml: .*{message}") as error:
        load(tmp_path, site + text)
    assert "\n" not in str(error.value)


def test_environment_variables_override_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "LAKE": "2001",
        "WORKERS": "3",
        "ANALYSIS__SAMPLING": "exact",
        "ANALYSIS__EVERY_SECONDS": "2",
        "CROPS__EXPIRES": "30d",
        "LEARN__DATA": '["a=b"]',
        "LEARN__GATE_DATA": '["utkface=U"]',
        "MODELS": "/models",
    }
    for name, text in variables.items():
        monkeypatch.setenv(f"GFPIPE_{name}", text)
    site = load(tmp_path, 'archive = "tv"\nlake = "l"\nworkers = 2\n[counting]\nmin_face = 30\n')
    assert (site.archive, site.lake, site.workers) == (str(tmp_path / "tv"), str(Path("2001").absolute()), 3)
    assert site.analysis == Analysis(sampling=Sampling.EXACT, every_seconds=2.0)
    assert site.counting == Counting(min_face=30.0)
    assert site.crops == CropRetention("30d", again=False)
    assert site.learn == Learning(["a=b"], ["utkface=U"])
    monkeypatch.setenv("GFPIPE_WORKERS", "many")
    with pytest.raises(UsageError, match=r"gfpipe\.toml with .*GFPIPE_WORKERS: workers should be a valid integer"):
        load(tmp_path, 'archive = "tv"\nlake = "l"\n')
    monkeypatch.setenv("GFPIPE_WORKER", "3")
    with pytest.raises(UsageError, match="unknown key 'worker'"):
        load(tmp_path, 'archive = "tv"\nlake = "l"\n')


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gfpipe\.toml: no such file"):
        settings.load(tmp_path / "gfpipe.toml")


def test_crops_are_stored_only_on_request_and_not_renewed_every_night(tmp_path: Path) -> None:
    assert load(tmp_path, 'archive = "tv"\nlake = "l"').crops is None
    site = load(tmp_path, 'archive = "tv"\nlake = "l"\n[crops]\nexpires = "30d"\nper_recording = 50')
    assert site.crops == CropRetention("30d", per_recording=50, again=False)


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), ("2w", 336), ("366d", 8784)])
def test_a_term_is_in_hours_days_or_weeks(text: str, hours: int) -> None:
    assert CropRetention(text).term.total_seconds() == hours * 3600


def test_the_example_file_is_valid_with_and_without_its_commented_tables(tmp_path: Path) -> None:
    example = (ROOT / "deploy" / "gfpipe.toml").read_text(encoding="utf-8")
    assert load(tmp_path, example).crops is None
    crops = example[example.index("# [crops]") :].partition("\n\n")[0].replace("\n# ", "\n").removeprefix("# ")
    assert load(tmp_path, f"{example}\n{crops}").crops == CropRetention("30d", again=False)
