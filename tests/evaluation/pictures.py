"""What is written in a picture: its words, and its marks by their attributes."""

from pathlib import Path
from xml.etree import ElementTree as ET

from gfpipe.output import drawing
from gfpipe.output.drawing import Plan

_SVG = "{http://www.w3.org/2000/svg}"


class Drawn:
    """An SVG, read as a viewer would."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)  # noqa: S314 - ours

    @classmethod
    def of(cls, plan: Plan | None) -> "Drawn":
        assert plan is not None
        return cls(drawing.svg(plan))

    @classmethod
    def read(cls, path: Path) -> "Drawn":
        return cls(path.read_text(encoding="utf-8"))

    @property
    def words(self) -> list[str]:
        """The texts, in the order in which they are drawn; lines of one text joined."""
        return ["".join(text.itertext()) for text in self.root.iter(f"{_SVG}text")]

    @property
    def width(self) -> float:
        return float(self.root.attrib["width"])

    def marks(self, kind: str, **attributes: str) -> list[ET.Element]:
        """Elements of one kind that have these attributes (``fill_opacity`` for ``fill-opacity``)."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [
            each
            for each in self.root.iter(f"{_SVG}{kind}")
            if all(each.attrib.get(name) == value for name, value in wanted.items())
        ]

    def text(self, words: str) -> ET.Element:
        """The one text of these words."""
        (found,) = [each for each in self.root.iter(f"{_SVG}text") if "".join(each.itertext()) == words]
        return found
