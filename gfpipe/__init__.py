"""Screen time by perceived gender, from broadcast archives to DuckDB.

>>> import gfpipe
>>> gfpipe.analyse("archive", "lake", timezone="Europe/Paris")
>>> gfpipe.publish("lake")
>>> lake = gfpipe.open("lake")
>>> lake.stats(by="channel")
>>> lake.sql("select channel, sum(analysed_seconds) / 3600 as hours from recordings group by channel")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gfpipe.api import Analysis, Counting, Lake, Limits, analyse, open, publish  # noqa: A004 - gfpipe.open
    from gfpipe.recording import Recording

    __version__: str

__all__ = ["Analysis", "Counting", "Lake", "Limits", "Recording", "__version__", "analyse", "open", "publish"]


def __getattr__(name: str) -> object:
    """Import the API on first use: workers and ``gfpipe --help`` do without."""
    if name not in __all__:
        raise AttributeError(f"module 'gfpipe' has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("gfpipe")
    from gfpipe import api  # noqa: PLC0415

    return getattr(api, name)
