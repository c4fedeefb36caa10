"""A verdict as text: for the terminal, and as Markdown for Prefect's UI."""

from collections.abc import Sequence
from typing import Final

from gfpipe.nights.failures import Failure
from gfpipe.nights.verdict import Verdict
from gfpipe.output.formats import counted
from gfpipe.output.names import code
from gfpipe.output.names import markdown as escaped

_MOST: Final = 200  # failures in an artifact
TO_DO: Final = (
    "Mend or replace the file: a changed file is tried again by the next run.",
    "To try all failed files now: gfpipe analyse … --retry-failed",
    "To accept a loss: gfpipe acknowledge PATH --reason '…'",
)


def remark(failure: Failure) -> str:
    """Since when a file fails, and when it is tried again."""
    since = f"since {failure.since:%Y-%m-%d}"
    if failure.acknowledged is not None:
        return f"acknowledged: {failure.acknowledged}"
    if failure.retry_on is None:
        return f"{since}; read again when the archive is listed"
    tried = f", {counted(failure.attempts, 'attempt')}" if failure.attempts else ""
    return f"{since}{tried}; next in the night of {failure.retry_on:%Y-%m-%d}"


def markdown(night: Verdict) -> str:
    """The verdict, its failures, and what to do."""
    parts = [f"**{escaped(night.headline)}**"]
    groups = {"New failures": night.new, "Known": night.known, "Acknowledged": night.acknowledged}
    for title, failures in groups.items():
        if failures:
            parts.append(f"### {title}\n\n{_listed(failures)}")
    if night.new:
        parts.append("### What to do\n\n" + "\n".join(f"- {escaped(line)}" for line in TO_DO))
    return "\n\n".join(parts)


def _listed(failures: Sequence[Failure]) -> str:
    lines = [
        f"- **{escaped(failure.label or failure.path)}**: {escaped(failure.reason)} ({escaped(remark(failure))})\n\n"
        f"  {code(failure.path)}"
        for failure in failures[:_MOST]
    ]
    more = [f"- … and {len(failures) - _MOST} more: `gfpipe status --failed`"] if len(failures) > _MOST else []
    return "\n".join(lines + more)
