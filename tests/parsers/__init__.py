"""Parsers of what people and other programs write, tried with random inputs by hypothesis.

EXAMPLES=5000 python -m pytest tests/parsers        for more than the few examples of the suite, and others each time
"""

import os

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "few",
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # smaller examples would take minutes
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "many", settings.get_profile("few"), max_examples=int(os.environ.get("EXAMPLES", "0")) or 1, derandomize=False
)
settings.load_profile("many" if "EXAMPLES" in os.environ else "few")
