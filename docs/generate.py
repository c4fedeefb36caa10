"""Write what is generated from the code: ``python -m docs.generate``, part of ``make docs``."""

import ast
import re
from pathlib import Path
from typing import Final

import grimp
import networkx as nx

from gfpipe.stages.figures import dictionary

ROOT: Final = Path(__file__).resolve().parent.parent
_DOCS: Final = ROOT / "docs"
_SQL: Final = """# SQL relations

Every relation and column of the warehouse `LAKE/gfpipe.duckdb`, generated from the comments in the database by `make
docs`. In `gfpipe sql`, `.tables` lists them and `.describe NAME` shows one. `summary_by_channel`, `summary_by_day`,
`summary_by_month` and `summary_by_programme` are rounded for reading.

Other programs (DuckDB's shell, DBeaver, Python) open the file too: `duckdb.connect("gfpipe.duckdb", read_only=True)`.
Relations that read Parquet, such as `faces` and `samples`, find the lake where it was published last. If the lake was
moved since, publish again, or run `set variable lake = '/new/place'` first.

The lake itself is Parquet, `lake/<table>/v1/channel=…/month=…/<recording_id>.parquet` (`recordings`, which has a column
`channel`, without that folder), or `compacted.parquet` in the same folder for many recordings.
`pandas.read_parquet("lake/faces/v1")` reads a table; so do Polars, DuckDB and Spark, which skip files whose names begin
with `.` or `_`.
Every row carries the digest of its configuration, and every file the checksums of its models.

"""
_DRAWING: Final = re.compile(r"(?<=<!-- generated: imports -->\n).*?(?=<!-- end -->)", re.DOTALL)


def pages() -> dict[str, str]:
    """The content of every generated page, by its name in ``docs/``."""
    architecture = (_DOCS / "architecture.md").read_text(encoding="utf-8")
    return {
        "architecture.md": _DRAWING.sub(lambda _: imports(), architecture),
        "file-map.md": file_map(),
        "sql.md": _SQL + dictionary.run(),
    }


def imports() -> str:
    """The imports between packages as a Mermaid diagram, without those that others imply (transitive reduction)."""
    graph = grimp.build_graph("gfpipe", cache_dir=None)
    packages = nx.DiGraph()
    for module in graph.modules - {"gfpipe"}:
        for imported in graph.find_modules_directly_imported_by(module) - {"gfpipe"}:
            packages.add_edge(_package(module), _package(imported))
    packages.remove_edges_from(list(nx.selfloop_edges(packages)))
    arrows = sorted(nx.transitive_reduction(packages).edges)
    return "```mermaid\nflowchart TD\n" + "\n".join(f"  {source} --> {target}" for source, target in arrows) + "\n```\n"


def file_map() -> str:
    """Every module with the first paragraph of its docstring, by folder."""
    lines = ["# File map", "", "Generated from the modules' docstrings by `make docs`.", ""]
    folders: dict[Path, list[Path]] = {}
    for path in sorted([*(ROOT / "gfpipe").rglob("*.py"), *(ROOT / "flows").rglob("*.py")]):
        if "gfpipe/flows" not in path.as_posix():  # a link to flows/
            folders.setdefault(path.parent, []).append(path)
    for folder in sorted(folders):
        lines += [f"## {folder.relative_to(ROOT)}", "", "| module | content |", "|---|---|"]
        lines += [f"| `{path.name}` | {_summary(path)} |" for path in folders[folder]]
        lines.append("")
    return "\n".join(lines)


def _package(module: str) -> str:
    return module.split(".")[1]


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    for name, content in pages().items():
        (_DOCS / name).write_text(content, encoding="utf-8")
