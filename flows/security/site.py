"""Confines the runs of a site to its own archive, lake, workers, models and data.

Whoever reaches Prefect's API can start a run of a deployment with other parameters. Where ``GFPIPE_SITE`` names the
site's ``gfpipe.toml``, as in the runs of ``gfpipe serve``, a flow refuses them before it reads or writes anything.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from gfpipe import settings
from gfpipe.errors import UsageError
from gfpipe.settings import Settings

VARIABLE: Final = "GFPIPE_SITE"
_FREE: Final = frozenset({"since", "until", "channels", "retry_failed"})  # only which of the site's own recordings


def refuse_others(given: Mapping[str, Any], own: Callable[[Settings], Mapping[str, Any]]) -> None:
    """Refuse parameters of a run that are not the site's, except for those that choose its recordings.

    Args:
        given: the parameters of the run.
        own: returns the site's parameters by the same names.

    Raises:
        UsageError: a parameter differs, or the site's settings cannot be read.
    """
    config = os.environ.get(VARIABLE)
    if not config:
        return
    expected = own(settings.load(config))
    other = [name for name in given if name not in _FREE and given[name] != expected[name]]
    if other:
        differences = "; ".join(f"{name} is {_shown(given[name])}, not {_shown(expected[name])}" for name in other)
        raise UsageError(
            f"refused: runs of this site use the settings of {config}, but {differences}. "
            "Only since, until, channels and retry_failed may be chosen. If the file was changed, restart gfpipe serve"
        )


def _shown(value: object) -> str:
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
