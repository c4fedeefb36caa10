"""The README says what the code does: its queries run, its map is complete, its commands exist."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from gfpipe import warehouse
from gfpipe.cli.main import app
from gfpipe.stages.figures import publish
from tests.conftest import ROOT
from tests.pipeline.archives import analyse_all, programme

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    programme(folder / "archive", "tv/2001-03-04/2000_news.mp4")
    (folder / "archive" / "tv/2001-03-04/2100_bad.mp4").write_text("no video")
    analyse_all(folder / "archive", folder / "lake")
    publish.run(folder / "lake")
    return folder / "lake"


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", README, re.DOTALL))
def test_every_query_of_the_readme_has_an_answer(lake: Path, query: str) -> None:
    with warehouse.open(lake) as db:
        assert db.query(query).num_rows > 0


@pytest.mark.parametrize("relation", sorted(set(re.findall(r"^\| `([a-z_]+)`", README, re.MULTILINE))))
def test_every_relation_of_the_readme_is_there(lake: Path, relation: str) -> None:
    with warehouse.open(lake) as db:
        db.query(f"from {relation}")


def test_the_file_map_names_every_module_and_no_other() -> None:
    file_map = README.partition("## File map")[2].partition("\n## ")[0]
    modules = {path.name for folder in ("flows", "gfpipe") for path in (ROOT / folder).rglob("*.py")}
    in_rooms_named_by_verb = {"__init__.py", *(path.name for path in (ROOT / "gfpipe/stages").glob("*.py"))}
    in_rooms_named_by_verb |= {path.name for path in (ROOT / "gfpipe/models/converters").glob("*.py")}
    named = set(re.findall(r"[a-z_]+\.py\b", file_map)) - {"bench.py", "bench_figures.py"}
    assert modules - in_rooms_named_by_verb - named == set()
    assert named - modules == set()


def test_every_option_and_command_of_the_readme_exists() -> None:
    commands = getattr(get_command(app), "commands")  # noqa: B009 - typed only for groups
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    for line in re.findall(r"^gfpipe .*$", shell, re.MULTILINE) + re.findall(r"`gfpipe [^`]*`", README):
        name, *rest = line.strip("`").partition("gfpipe ")[2].partition("#")[0].split()
        assert name in commands, line
        command = commands[name]
        for word in rest[:1]:
            command = getattr(command, "commands", {}).get(word, command)
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if re.fullmatch(r"--[a-z-]+", word)} <= known, line
