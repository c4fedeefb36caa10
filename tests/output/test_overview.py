"""Summaries of runs in one line."""

from datetime import UTC, datetime

from gfpipe.output import overview
from gfpipe.recording import Recording, Status, Summary


def summary(number: int, status: Status, reused: bool = False) -> Summary:
    recording = Recording(f"{number}.mp4", "tv", "news", datetime(2001, 3, 4, number, tzinfo=UTC))
    return Summary(recording, status, reused=reused)


def test_recordings_done_before_do_not_hide_those_that_are_partial() -> None:
    summaries = [
        summary(1, Status.DONE),
        summary(2, Status.PARTIAL),
        summary(3, Status.DONE, reused=True),
        summary(4, Status.PARTIAL, reused=True),
    ]
    assert overview.headline(summaries) == (
        "2 analysed, 1 of them only in part, 2 done before, 1 of these only in part"
    )
