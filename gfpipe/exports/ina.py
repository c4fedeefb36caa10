"""The shape in which France's INA publishes speaking time, filled with time on screen by perceived gender.

INA's open data (data.gouv.fr, "Temps de parole des hommes et des femmes à la télévision et à la radio") is three
CSVs: ``stats.csv``, a row a channel, date and hour; ``years.csv`` and ``hourstatall.csv``, women's rate by year, and
by year and hour. Its ``school_holiday_zones``, ``music_duration`` and ``speech_rate`` have no counterpart here, and
its ``women_expression_rate`` is ``women_face_time_rate``: nobody was listened to.
"""

from collections.abc import Mapping
from typing import Final

import holidays
import pandas as pd
import pyarrow as pa

from gfpipe.errors import UsageError

ABOUT: Final = {
    "stats.csv": "INA's shape: a row a channel, local date and hour; none for hours of which nothing was analysed.",
    "years.csv": "INA's shape: women's rate by channel and year.",
    "hourstatall.csv": "INA's shape: women's rate by channel, year and hour on the clock.",
}
# What `tables` needs, of a relation such as rollup. Hours of which nothing was analysed must not look like hours
# without faces. Where nobody knows the time zone there is no date, and a check of the warehouse says so.
HOURS: Final = """
select
    channel,
    date,
    hour,
    sum(male_face_seconds) as male_duration,
    sum(female_face_seconds) as female_duration,
    sum(analysed_seconds) / 3600 as nb_hours_analyzed
from {relation}
where analysed_seconds > 0 and date is not null
group by all
order by all
"""
SUMS: Final = ["male_duration", "female_duration", "nb_hours_analyzed"]
_CHANNEL: Final = ["media_type", "channel_name", "is_public_channel"]
_SAID: Final = ["media_type", "channel_code", "channel_name", "is_public_channel", "group"]
_BOOLEANS: Final = {"true": "True", "yes": "True", "1": "True", "false": "False", "no": "False", "0": "False"}

MEANING: Final = {
    "media_type": "tv, or what the file of channels says",
    "channel_code": "the channel's code, by the file of channels",
    "channel_name": "the channel's name, by the file of channels; else as the archive names it",
    "is_public_channel": "True, False, or empty where nobody said",
    "date": "local date on air",
    "week_day": "day of the week, in English",
    "civil_holyday": "True on public holidays of the country asked for; empty where none was. INA's spelling",
    "hour": "hour on the local clock: 20 is 20:00 to 20:59",
    "year": "local year on air",
    "male_duration": "face time (seconds times faces) of faces perceived as male",
    "female_duration": "face time (seconds times faces) of faces perceived as female",
    "women_face_time_rate": "per cent of the face time perceived as female or male that is perceived as female",
    "nb_hours_analyzed": "hours of television analysed; compare no rates without it",
    "group": "the channel's group, by the file of channels",
}


def tables(hours: pa.Table, channels: pa.Table, country: str | None = None) -> Mapping[str, pa.Table]:
    """The three files, by name.

    Args:
        hours: (H, 6) what `HOURS` gives.
        channels: a row a channel, ``channel`` and, as text, whatever of `MEANING` is known of it.
        country: whose public holidays count: ``FR``, or with a part of it ``DE-BY``; None for nobody's.

    Raises:
        UsageError: a country whose holidays nobody knows, or a channel that is neither public nor not.
    """
    rows = _described(hours.to_pandas(), channels.to_pandas())
    date = pd.to_datetime(rows["date"])
    rows = rows.assign(
        date=date.dt.strftime("%Y-%m-%d"),
        year=date.dt.year,
        week_day=date.dt.day_name(),
        civil_holyday=_holidays(date, country),
    )
    stats = [
        *("media_type", "channel_code", "channel_name", "is_public_channel"),
        *("date", "week_day", "civil_holyday", "hour", *SUMS, "group"),
    ]
    found = {
        "stats.csv": rows[stats].round({"male_duration": 2, "female_duration": 2}),
        "years.csv": _rates(rows, "year"),
        "hourstatall.csv": _rates(rows, "year", "hour"),
    }
    return {name: pa.Table.from_pandas(frame.replace("", None), preserve_index=False) for name, frame in found.items()}


def _described(hours: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    said = channels.set_index("channel").reindex(index=hours["channel"], columns=_SAID).astype(str)
    said = said.where(said.notna(), "").set_axis(hours.index)
    unsaid = {"media_type": "tv", "channel_code": hours["channel"], "channel_name": hours["channel"]}
    filled = {column: said[column].where(said[column] != "", other) for column, other in unsaid.items()}
    return pd.concat([hours, said.assign(**filled, is_public_channel=_public(said["is_public_channel"]))], axis=1)


def _public(said: pd.Series) -> pd.Series:
    words = said.str.strip().str.casefold()
    if unclear := sorted(set(words) - {*_BOOLEANS, ""}):
        raise UsageError(f"is_public_channel is {', '.join(unclear)} for a channel; write true or false")
    return words.map(_BOOLEANS).fillna("")


def _holidays(date: pd.Series, country: str | None) -> pd.Series:
    if country is None:
        return pd.Series("", index=date.index)
    code, _, part = country.upper().partition("-")
    try:
        days = holidays.country_holidays(code, subdiv=part or None, years=sorted(set(date.dt.year)))
    except NotImplementedError as exc:
        raise UsageError(f"--country {country}: whose holidays are these? Give FR, or DE-BY: {exc}") from exc
    return pd.Series([str(day in days) for day in date.dt.date], index=date.index)


def _rates(rows: pd.DataFrame, *when: str) -> pd.DataFrame:
    sums = rows.groupby([*_CHANNEL, "group", *when], as_index=False)[SUMS].sum()
    either = sums["male_duration"] + sums["female_duration"]
    rate = 100 * sums["female_duration"] / either.where(either > 0)
    return sums.assign(women_face_time_rate=rate)[
        [*_CHANNEL, *when, "women_face_time_rate", "nb_hours_analyzed", "group"]
    ]
