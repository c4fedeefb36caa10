"""Screen time by perceived gender, from broadcast archives to DuckDB."""

from importlib.metadata import version

__version__ = version("gfpipe")
