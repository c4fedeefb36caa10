"""Concurrency limits of a Prefect server: `decode` for recordings that are decoded at once, `gpu` for those on GPUs."""

from contextlib import suppress
from typing import Final

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from gfpipe import workers
from gfpipe.errors import UsageError
from gfpipe.flows import server

_GPU_SLOTS: Final = 4


def create(slots: int = 0) -> None:
    """Create the limits on a server that was just started from here, and free all slots.

    Leases of a killed server keep their slots; on a new server no run holds any. `slots` recordings (0: one a core) may
    be decoded at once, or more if the limit is higher already.
    """
    numbers = {"decode": slots or workers.cores(), "gpu": _GPU_SLOTS}
    with get_client(sync_client=True) as client:
        existing = client.read_global_concurrency_limits(limit=200)
        for name in numbers.keys() - {limit.name for limit in existing}:
            with suppress(ObjectAlreadyExists):  # another command has created it
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=numbers[name]))
        for limit in existing:
            number = max(limit.limit, numbers.get(limit.name, 0))
            freed = GlobalConcurrencyLimitUpdate(limit=number, active=True, active_slots=0)
            client.update_global_concurrency_limit(limit.name, freed)


def require(*names: str) -> None:
    """Check that the server has the limits; the operator of a configured server chooses their numbers.

    Raises:
        UsageError: one is missing.
    """
    if server.configured() is None:  # Prefect's own temporary server, for a flow called from Python
        create()
    with get_client(sync_client=True) as client:
        for name in names:
            try:
                client.read_global_concurrency_limit_by_name(name)
            except ObjectNotFound as exc:
                raise UsageError(
                    f"the Prefect server at {client.api_url} has no concurrency limit {name!r}; "
                    "create it with limits.sh, which gfpipe config init writes"
                ) from exc
