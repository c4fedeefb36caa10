"""Processes that work on recordings, on this machine or on a Dask cluster."""

from gfpipe.workers.executors import cores, is_pool_failure, pool, warm

__all__ = ["cores", "is_pool_failure", "pool", "warm"]
