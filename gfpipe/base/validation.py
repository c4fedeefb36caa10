"""Untrusted values, as TOML and JSON give them, validated into dataclasses with pydantic; errors are one line."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from difflib import get_close_matches
from functools import wraps
from types import UnionType
from typing import Any, Final, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from gfpipe.errors import GfpipeError, UsageError

T = TypeVar("T")

_UNKNOWN: Final = ("unexpected_keyword_argument", "extra_forbidden")
_TERMS: Final = {"an object": "a table", "a valid array": "a list", "a valid string": "text"}


@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def validated(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose constructor validates its arguments, for settings that people write in Python.

    The constructor raises UsageError, in one line with the name and the allowed values.
    """
    kind = dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)
    construct = kind.__init__

    @wraps(construct)
    def init(self: Any, *args: Any, **values: Any) -> None:
        by_position = dict(zip([item.name for item in fields(kind)[: len(args)]], args, strict=True))
        try:
            construct(self, **by_position, **values)
        except ValidationError as exc:
            raise UsageError(f"{cls.__name__}: {describe(exc, kind)}") from exc

    setattr(kind, "__init__", init)  # noqa: B010 - mypy refuses to replace a method
    return kind  # type: ignore[return-value]


def parse(kind: type[T], values: Any, source: str = "", *, error: type[GfpipeError] = UsageError, **known: Any) -> T:
    """Validate plain values into a dataclass or pydantic model.

    Types are strict as in JSON: ``true`` is not an integer and ``"3"`` is not a number, but an integer is a valid
    float, a list a valid tuple and a string a valid enum member. Unknown keys are refused at every level.

    Args:
        kind: a pydantic or standard dataclass, or a ``BaseModel``; its validators may raise ``ValueError``.
        values: a mapping, with tables as mappings and lists.
        source: where the values come from, such as a file, to begin the message with.
        error: the exception to raise.
        known: values of fields that are not keys of ``values``.

    Raises:
        GfpipeError: of the type ``error``, if a key is unknown or missing, or a value is not valid.
    """
    prefix = f"{source}: " if source else ""
    try:
        if isinstance(values, Mapping):
            if key := next((key for key in values if key in known), None):
                raise error(f"{prefix}{_unknown(key, [name for name in _keys(kind) if name not in known])}")
            values = {**values, **known}
        content = json.dumps(values, default=str)
    except (ValueError, RecursionError) as exc:
        raise error(f"{prefix}a number has too many digits, or tables are nested too deeply: {exc}") from exc
    try:
        return TypeAdapter(kind).validate_json(content, strict=True, extra="forbid")
    except ValidationError as exc:
        raise error(f"{prefix}{describe(exc, kind, hidden=known)}") from exc


def between(low: float, high: float) -> AfterValidator:
    """A validator of numbers from ``low`` to ``high``."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"{value:g} is not between {low} and {high}")
        return value

    return AfterValidator(check)


def is_text(kind: Any, path: Sequence[str]) -> bool:
    """Whether the value of a key, given by its tables and name, is text."""
    key = _locate(kind, path)[0]
    return key is str or (get_origin(key) in (Union, UnionType) and str in get_args(key))


def describe(exc: ValidationError, kind: Any, hidden: Collection[str] = ()) -> str:
    """The first error of a value of the type ``kind`` in one line: table, key and allowed values.

    An unknown key comes before a missing one, which it may misspell. Fields in ``hidden`` are not listed as keys.
    """
    details = sorted(exc.errors(include_url=False), key=lambda item: item["type"] not in _UNKNOWN)[0]
    _, path = _locate(kind, details["loc"])
    *path, key = path or [""]
    if details["type"] in _UNKNOWN:
        table, _ = _locate(kind, details["loc"][:-1])
        return _table(path) + _unknown(str(key), [name for name in _keys(table) if path or name not in hidden])
    if details["type"] == "value_error":
        text = str(details["ctx"]["error"])
        return f"{_table([*path, key])}{text}" if isinstance(details["input"], dict) else f"{_table(path)}{key}: {text}"
    while path and isinstance(key, int):  # an item is named by its list
        *path, key = path
    if details["type"] == "missing" and isinstance(details["input"], dict | ArgsKwargs):
        return f"{_table(path)}{key} is missing"
    lengths = {"missing": "has too few items", "too_long": "has too many items"}
    text = lengths.get(details["type"], details["msg"].removeprefix("Input "))
    for term, plain in _TERMS.items():
        text = text.replace(term, plain)
    return f"{_table(path)}{key or 'the content'} {text}, got {details['input']!r}"


def _unknown(key: str, names: Sequence[str]) -> str:
    near = get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key {key!r}; {hint}known are {', '.join(names)}"


def _table(path: Sequence[str | int]) -> str:
    """TOML's name of a table: ``[heads]: `` or, of a list of tables, ``[[stages]] 1: ``."""
    tables: list[str] = []
    for item in path:
        tables.append(f"[{tables.pop()}] {item + 1}" if isinstance(item, int) else f"[{item}]")
    return "".join(f"{table}: " for table in tables)


def _keys(kind: Any) -> dict[str, Any]:
    """Keys of a dataclass or model, by alias where there is one, with their types."""
    if models := getattr(kind, "__pydantic_fields__", None):
        return {model.alias or name: model.annotation for name, model in models.items()}
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _is_table(kind: Any) -> bool:
    return is_dataclass(kind) or hasattr(kind, "__pydantic_fields__")


def _locate(kind: Any, location: Sequence[str | int]) -> tuple[Any, list[str | int]]:
    """The type at a location, and the location without pydantic's markers of union members and of keys."""
    path: list[str | int] = []
    for item in location:
        if get_origin(kind) in (Union, UnionType):
            members = [member for member in get_args(kind) if member is not type(None)]
            kind = next((member for member in members if getattr(member, "__name__", "") == item), members[0])
            if len(members) > 1:
                continue
        if item == "[key]":
            break
        path.append(item)
        items = get_args(kind)  # of a list or a mapping
        kind = items[0 if isinstance(item, int) else 1] if items else _keys(kind).get(str(item))
    return next((member for member in get_args(kind) if _is_table(member)), kind), path
