"""Plain values, as TOML gives them, made into frozen records; nothing that is misspelt or impossible passes."""

from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from gfpipe.errors import UsageError

T = TypeVar("T")


def record(kind: type[T], given: Mapping[str, Any], where: str, **known: Any) -> T:
    """Make a frozen dataclass of plain values, tables and lists of tables too.

    Args:
        kind: the dataclass; a field may be a text, a number, true or false, a tuple, a mapping to tuples, another such
            dataclass, or that or None. What it refuses with a ValueError is told to the user.
        given: by key.
        where: for messages, such as the file.
        known: fields that are not given by the user.

    Raises:
        UsageError: a key is unknown, missing, of the wrong kind, or its value impossible.
    """
    kinds = {name: each for name, each in get_type_hints(kind).items() if name not in known}
    for key in given:
        if key not in kinds:
            raise UsageError(f"{where}: unknown key {key!r}; known are {', '.join(kinds)}")
    values = {key: _value(kinds[key], value, where, key) for key, value in given.items()}
    try:
        return kind(**values, **known)
    except TypeError as exc:
        missing = [name for name in _required(kind) if name not in {**given, **known}]
        raise UsageError(f"{where}: {', '.join(missing)} missing") from exc
    except (ValueError, UsageError) as exc:
        raise UsageError(f"{where}: {exc}") from exc


def within(name: str, value: float, least: float, most: float) -> None:
    """Refuse a number beyond its limits with a ValueError."""
    if not least <= value <= most:
        raise ValueError(f"{name} is {value:g}; choose between {least:g} and {most:g}")


def among(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a word that means nothing here with a ValueError."""
    if value not in known:
        raise ValueError(f"{name} is {value!r}; choose {', '.join(known)}")


def _required(kind: type) -> list[str]:
    defaults = vars(kind)
    factories = {f.name for f in fields(kind) if callable(f.default_factory)}
    return [f.name for f in fields(kind) if f.name not in defaults and f.name not in factories]


def _value(kind: Any, value: Any, where: str, key: str) -> Any:
    if get_origin(kind) is UnionType:  # only of a record and None
        kind = get_args(kind)[0]
    wrong = UsageError(f"{where}: {key} is {value!r}, not {_words(kind)}")
    if get_origin(kind) is tuple:
        return _tuple(kind, value, where, key, wrong)
    if get_origin(kind) is Mapping:
        if not isinstance(value, dict):
            raise wrong
        return {name: _value(get_args(kind)[1], each, where, f"{key}.{name}") for name, each in value.items()}
    if hasattr(kind, "__dataclass_fields__"):
        if not isinstance(value, dict):
            raise wrong
        return record(kind, value, f"{where}: [{key}]")
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise wrong
    return value


def _tuple(kind: Any, value: Any, where: str, key: str, wrong: UsageError) -> tuple[Any, ...]:
    items = get_args(kind)
    if not isinstance(value, list):
        raise wrong
    if items[-1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(items) != len(value):
        raise wrong
    if items and hasattr(items[0], "__dataclass_fields__"):
        return tuple(
            record(item, each, f"{where}: [[{key}]] {number}")
            for number, (item, each) in enumerate(zip(items, value, strict=True), start=1)
        )
    return tuple(_value(item, each, where, key) for item, each in zip(items, value, strict=True))


def _words(kind: Any) -> str:
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    if get_origin(kind) is tuple:
        items = get_args(kind)
        many = "" if items[-1] is Ellipsis else f"{len(items)} of "
        return f"a list: {many}{_words(items[0])}"
    return names.get(kind, "a table")
