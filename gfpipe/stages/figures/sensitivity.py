"""Sensitivity of the main share to conventions: sampling, face size, undecided band, tracks, exclusions."""

from pathlib import Path

import pyarrow as pa

from gfpipe import warehouse
from gfpipe.choices import DateOrder
from gfpipe.estimates.question import Question, narrow


def run(lake: Path | str, exclude: Path | None = None, dates: DateOrder | None = None) -> pa.Table:
    """Women's share of the whole archive's face time, as published and under variants.

    Args:
        lake: a published lake.
        exclude: CSV of channel, start, end, reason; adds a row for the share without these times.
        dates: order of dates such as 01/03/2024 in it, if it does not show it.

    Returns:
        variant, share, difference (percentage points from the first row).

    Raises:
        UsageError: the file of exclusions is invalid.
        LakeError: the lake was never published, or cannot be read.
    """
    with warehouse.open(lake) as db:
        table = db.query("from sensitivity_overall")
        if exclude is None:
            return table
        narrow(db, Question(exclude=exclude, dates=dates))
        share = db.query("select unnest(totals(asked)) from asked")["share_female_face_time"][0].as_py()
    published = table["share"][0].as_py()
    row = {
        "variant": f"without what {exclude.name} names",
        "share": share,
        "difference": None if share is None or published is None else 100 * (share - published),
    }
    return pa.concat_tables([table, pa.Table.from_pylist([row], table.schema)])
