"""Prefect flows; only this package imports Prefect."""

import os

# Prefect reads these when it is imported; variables that are set already are left.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")  # the same for the client
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")  # 20 are too few on a busy machine
