"""Processes that work on recordings, on this machine or on a Dask cluster."""

from gfpipe.workers.executors import Pool, cores, is_pool_failure, pool, warm

__all__ = ["Pool", "cores", "is_pool_failure", "pool", "warm"]
