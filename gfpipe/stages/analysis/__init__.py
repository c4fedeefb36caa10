"""Stages that write and remove shards."""

from typing import Final

WORKER_MODULES: Final = ("gfpipe.faces.analysis",)  # imported once for all workers: networks and decoders
