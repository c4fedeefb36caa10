"""Optional dependencies (the extras of pyproject.toml) and plug-ins (entry points)."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from gfpipe.errors import ModelError


@contextmanager
def needed_for(feature: str, extra: str = "research") -> Iterator[None]:
    """Import optional packages in the body.

    Raises:
        ModelError: one is not installed; the message names it and the extra.
    """
    try:
        yield
    except ImportError as exc:
        package = (exc.name or str(exc)).partition(".")[0]
        if package == "gfpipe":
            raise
        raise ModelError(f"{feature} needs {package}: pip install 'gfpipe[{extra}]'") from exc


def plugin(group: str, name: str) -> Any | None:
    """Load the entry point `name` of a group; None if no installed package registers it.

    Raises:
        ModelError: an optional package it imports is not installed.
    """
    for entry in entry_points(group=group, name=name):
        with needed_for(name):
            return entry.load()
    return None
