"""The documents match the code: queries run, commands and options exist, generated pages are current."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from docs import generate
from gfpipe import warehouse
from gfpipe.cli.main import app
from gfpipe.stages.figures import publish
from tests.conftest import ROOT
from tests.pipeline.archives import analyse_all, programme

PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").glob("*.md")])
}


def blocks(language: str) -> list[object]:
    return [
        pytest.param(block, id=f"{name}-{number}")
        for name, page in PAGES.items()
        for number, block in enumerate(re.findall(rf"^ *```{language}\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE))
    ]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    programme(folder / "archive", "tv/2001-03-04/2000_news.mp4")
    (folder / "archive" / "tv/2001-03-04/2100_bad.mp4").write_text("no video")
    analyse_all(folder / "archive", folder / "lake")
    publish.run(folder / "lake")
    return folder / "lake"


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 200


@pytest.mark.parametrize("query", blocks("sql"))
def test_every_query_has_a_result(lake: Path, query: str) -> None:
    with warehouse.open(lake) as db:
        assert db.query(query).num_rows > 0


@pytest.mark.parametrize("code", blocks("python"))
def test_every_python_example_compiles(code: str) -> None:
    compile(code, "example", "exec")


@pytest.mark.parametrize("name", PAGES)
def test_every_command_and_option_exists(name: str) -> None:
    page = PAGES[name]
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    for line in re.findall(r"^ *(?:GFPIPE_\w+=\S+ )?(gfpipe .*)$", shell, re.MULTILINE) + re.findall(
        r"`(gfpipe [^`]*)`", page
    ):
        command = get_command(app)
        words = line.partition("#")[0].split()[1:]
        while words and words[0] in getattr(command, "commands", {}):
            command = getattr(command, "commands")[words.pop(0)]  # noqa: B009 - typed only for groups
        assert not hasattr(command, "commands") or not words or words[0].startswith("-"), line
        known = {"--help", "--install-completion"} | {option for item in command.params for option in item.opts}
        known |= {option for item in command.params for option in getattr(item, "secondary_opts", ())}
        assert {word for word in words if re.fullmatch(r"--[a-z-]+", word)} <= known, line


@pytest.mark.parametrize("name", PAGES)
def test_every_link_to_a_file_of_the_project_resolves(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", PAGES[name]):
        assert (ROOT / name).parent.joinpath(target).exists(), target


def test_generated_pages_are_current() -> None:
    """Run `make docs` and commit the result if this fails."""
    for name, content in generate.pages().items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == content, name
