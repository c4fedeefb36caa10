"""A fortnight of two channels in a lake made by hand."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

from gfpipe.stages.figures import publish
from tests.warehouse.lakes import EVENING, Face, Show, write_show

WOMAN, MAN = Face(0.95), Face(0.05)
DAYS = 14


def fortnight(lake: Path, women: float = 0.3, **changes: Any) -> Path:
    """Two programmes a day, 200 samples of 10 s each with none, one or two faces; published."""
    for show in shows(women, **changes):
        write_show(lake, show)
    publish.run(lake)
    return lake


def shows(women: float = 0.3, **changes: Any) -> list[Show]:
    chance = random.Random(0)
    return [
        Show(
            channel=channel,
            programme="News" if day % 2 else "Film",
            start=EVENING + timedelta(days=day),
            samples=[
                (10.0, [WOMAN if chance.random() < women else MAN for _ in range(chance.choice([0, 1, 1, 2]))])
                for _ in range(200)
            ],
            changes=dict(changes),
        )
        for day in range(DAYS)
        for channel in ("One", "Two")
    ]
