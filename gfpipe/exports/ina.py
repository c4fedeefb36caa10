"""Screen time by perceived gender in the format of INA's open data on speaking time.

INA's open data (data.gouv.fr, "Temps de parole des hommes et des femmes à la télévision et à la radio") is three
CSVs: ``stats.csv``, a row a channel, date and hour; ``years.csv`` and ``hourstatall.csv``, women's rate by year, and
by year and hour. Its ``school_holiday_zones``, ``music_duration`` and ``speech_rate`` have no counterpart here;
``women_expression_rate`` is replaced by ``women_face_time_rate``.
"""

from collections.abc import Mapping
from typing import Final

import holidays
import pandas as pd
import pyarrow as pa

from gfpipe.errors import UsageError

ABOUT: Final = {
    "stats.csv": "INA's format: a row for each channel, local date and hour with analysed time.",
    "years.csv": "INA's format: women's rate by channel and year.",
    "hourstatall.csv": "INA's format: women's rate by channel, year and hour of the day.",
}
# Input of `tables`, from a relation such as rollup. Hours without analysed time are left out, as they would look like
# hours without faces. Without a time zone there is no date; a check of the warehouse reports this.
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
_METADATA: Final = ["media_type", "channel_code", "channel_name", "is_public_channel", "group"]
_BOOLEANS: Final = {"true": "True", "yes": "True", "1": "True", "false": "False", "no": "False", "0": "False"}

MEANING: Final = {
    "media_type": "tv, unless the file of channels has another value",
    "channel_code": "the channel's code, from the file of channels",
    "channel_name": "the channel's name, from the file of channels or else from the archive",
    "is_public_channel": "True, False, or empty if unknown",
    "date": "local date on air",
    "week_day": "day of the week, in English",
    "civil_holyday": "True on public holidays of --country; empty without it. INA's spelling",
    "hour": "hour on the local clock: 20 is 20:00 to 20:59",
    "year": "local year on air",
    "male_duration": "face time (seconds times faces) of faces perceived as male",
    "female_duration": "face time (seconds times faces) of faces perceived as female",
    "women_face_time_rate": "per cent of the face time perceived as female or male that is perceived as female",
    "nb_hours_analyzed": "hours of television analysed",
    "group": "the channel's group, from the file of channels",
}


def tables(hours: pa.Table, channels: pa.Table, country: str | None = None) -> Mapping[str, pa.Table]:
    """The three files, by name.

    Args:
        hours: (H, 6) result of `HOURS`.
        channels: a row for each channel: ``channel`` and, as text, known columns of `MEANING`.
        country: country of the public holidays, such as ``FR``, or ``DE-BY`` with a subdivision; None for none.

    Raises:
        UsageError: the country is not supported, or a channel's ``is_public_channel`` is not a truth value.
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
    frames = {
        "stats.csv": rows[stats].round({"male_duration": 2, "female_duration": 2}),
        "years.csv": _rates(rows, "year"),
        "hourstatall.csv": _rates(rows, "year", "hour"),
    }
    return {name: pa.Table.from_pandas(frame.replace("", None), preserve_index=False) for name, frame in frames.items()}


def _described(hours: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    metadata = channels.set_index("channel").reindex(index=hours["channel"], columns=_METADATA).astype(str)
    metadata = metadata.where(metadata.notna(), "").set_axis(hours.index)
    defaults = {"media_type": "tv", "channel_code": hours["channel"], "channel_name": hours["channel"]}
    filled = {column: metadata[column].where(metadata[column] != "", default) for column, default in defaults.items()}
    public = _public(metadata["is_public_channel"])
    return pd.concat([hours, metadata.assign(**filled, is_public_channel=public)], axis=1)


def _public(text: pd.Series) -> pd.Series:
    words = text.str.strip().str.casefold()
    if invalid := sorted(set(words) - {*_BOOLEANS, ""}):
        raise UsageError(f"is_public_channel is {', '.join(invalid)} for a channel; write true or false")
    return words.map(_BOOLEANS).fillna("")


def _holidays(date: pd.Series, country: str | None) -> pd.Series:
    if country is None:
        return pd.Series("", index=date.index)
    code, _, subdivision = country.upper().partition("-")
    try:
        days = holidays.country_holidays(code, subdiv=subdivision or None, years=sorted(set(date.dt.year)))
    except NotImplementedError as exc:
        raise UsageError(f"--country {country} is not supported; use a code such as FR or DE-BY: {exc}") from exc
    return pd.Series([str(day in days) for day in date.dt.date], index=date.index)


def _rates(rows: pd.DataFrame, *periods: str) -> pd.DataFrame:
    sums = rows.groupby([*_CHANNEL, "group", *periods], as_index=False)[SUMS].sum()
    total = sums["male_duration"] + sums["female_duration"]
    rate = 100 * sums["female_duration"] / total.where(total > 0)
    return sums.assign(women_face_time_rate=rate)[
        [*_CHANNEL, *periods, "women_face_time_rate", "nb_hours_analyzed", "group"]
    ]
