"""Prefect's flows, and the command line that starts them."""

import os

# Prefect reads these when it is imported; what a site has set stays.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")  # the client's part of the same, and of the notice about it
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")  # its 20 do not do on a busy machine
