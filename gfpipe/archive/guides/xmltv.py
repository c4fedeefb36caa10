"""XMLTV files, read without following anything that they refer to.

Source: xmltv.dtd of the XMLTV project. Its times without an offset are UTC. Of several titles the first counts.
"""

import codecs
import html
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import BinaryIO, Final
from xml.parsers import expat

from gfpipe.archive.guides.broadcasts import Contents
from gfpipe.tables import times

_BLOCK: Final = 65536
_LONGEST_TEXT: Final = 4096  # characters of a title or name
_LONGEST_ERROR: Final = 200
_DECLARED: Final = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_OF_EXPAT: Final = frozenset({"utf-8", "utf-16", "us-ascii", "iso8859-1"})
_NAMED: Final = {"channel": "display-name", "programme": "title"}


def read(file: BinaryIO, name: str, zone: tzinfo = UTC) -> Contents:
    """Read a file; programmes that are not valid are left out, and listed as problems.

    Args:
        file: the XML.
        name: of the file, for messages.
        zone: of times without an offset.

    Raises:
        ValueError: it is no XMLTV, is not well formed, declares entities, or contains bytes of another encoding.
    """
    reader = _Reader(name, zone)
    blocks, encoding = _decoded(file)
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = reader.entity
    parser.SkippedEntityHandler = reader.skipped
    reader.parser = parser
    try:
        for block in blocks:
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError as exc:
        raise ValueError(f"line {exc.lineno}: it is not well-formed XML ({expat.ErrorString(exc.code)})") from exc
    except UnicodeDecodeError as exc:
        line = parser.CurrentLineNumber
        raise ValueError(f"line {line} or later: it is not text in {exc.encoding}, as its first line says") from exc
    return reader.contents


def _decoded(file: BinaryIO) -> tuple[Iterator[bytes], str | None]:
    """The bytes in an encoding that expat reads, and its name if they do not state it themselves."""
    first = file.read(_BLOCK)
    blocks = iter(lambda: file.read(_BLOCK), b"")
    declared = _DECLARED.match(first)
    if declared is None or _codec(declared[1].decode()) in _OF_EXPAT:
        return _chained(first, blocks), None
    decoder = codecs.getincrementaldecoder(declared[1].decode())()

    def decoded() -> Iterator[bytes]:
        for block in _chained(first, blocks):
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", True).encode()

    return decoded(), "utf-8"


def _chained(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from blocks


def _codec(name: str) -> str:
    try:
        with io.TextIOWrapper(io.BytesIO(), encoding=name):  # accepts encodings of text only
            return codecs.lookup(name).name
    except LookupError as exc:
        raise ValueError(f"line 1: unknown encoding {name}; save it as UTF-8") from exc


class _Reader:
    """Handlers of expat: elements at the second level are channels and programmes, at the third their names."""

    parser: expat.XMLParserType

    def __init__(self, name: str, zone: tzinfo) -> None:
        self.contents = Contents()
        self._name, self._zone = name, zone
        self._depth, self._line = 0, 0
        self._tag, self._attributes = "", dict[str, str]()
        self._names: list[str] = []
        self._text: str | None = None  # of the name that is being read

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and tag != "tv":
            raise ValueError(f"it is XML, but not XMLTV: its first element is {tag[:40]!r}, not 'tv'")
        if self._depth == 2:
            self._tag, self._attributes, self._names = tag, attributes, []
            self._line = self.parser.CurrentLineNumber
        if self._depth == 3 and tag == _NAMED.get(self._tag):
            self._text = ""

    def text(self, data: str) -> None:
        if self._text is not None:
            self._text = (self._text + data)[: _LONGEST_TEXT + 1]

    def end(self, _: str) -> None:
        if self._depth == 3 and self._text is not None:
            self._names.append(" ".join(self._text.split()))
            self._text = None
        if self._depth == 2:
            self._finish()
        self._depth -= 1

    def entity(self, name: str, *_: object) -> None:
        raise ValueError(
            f"line {self.parser.CurrentLineNumber}: it declares the entity {name[:40]!r}, which XMLTV has no use for; "
            "entities are not expanded. Remove the declaration"
        )

    def skipped(self, name: str, _: bool) -> None:
        """Entities of HTML, which some programs write; those of a DTD are unknown, as no other file is opened."""
        character = html.unescape(f"&{name};")
        if self._text is not None and character == f"&{name};":
            self._text += "\0"
        else:
            self.text(character)

    def _finish(self) -> None:
        place = f"{self._name}, line {self._line}"
        try:
            if self._tag == "channel":
                self._channel()
            elif self._tag == "programme":
                self._programme(place)
        except ValueError as exc:
            self.contents.problems.append(f"{place}: {str(exc)[:_LONGEST_ERROR]}")

    def _channel(self) -> None:
        if not (key := self._attributes.get("id", "").strip()):
            raise ValueError("the channel has no id")
        self.contents.names[key].update([key, *filter(None, self._names)])

    def _programme(self, place: str) -> None:
        title = next(filter(None, self._names), "")
        if len(title) > _LONGEST_TEXT or "\0" in title:
            reason = "contains an entity that is not defined" if "\0" in title else f"is over {_LONGEST_TEXT} letters"
            raise ValueError(f"its title {title[:40]!r} {reason}".replace("\\x00", "…"))
        start, stop = self._attributes.get("start", ""), self._attributes.get("stop", "")
        if not start:
            raise ValueError("it has no start")
        channel = self._attributes.get("channel", "").strip()
        self.contents.add(place, channel, title, self._moment(start), self._moment(stop) if stop else None)

    def _moment(self, text: str) -> datetime:
        written = times.parse(text)
        if written.day is None:
            raise ValueError(f"{text!r} has no date")
        moment = written.on()
        if moment.tzinfo is None:
            self.contents.without_offset += 1
            return moment.replace(tzinfo=self._zone)
        return moment
