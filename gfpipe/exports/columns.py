"""What each column of a table of figures means; the words that travel with the exported files."""

from typing import Final

import pyarrow as pa

_MEANS: Final = {
    "channel": "channel, as the archive names it",
    "programme": "programme, as the archive names it",
    "date": "local date on air",
    "week": "ISO week on air, local date",
    "month": "month on air, local date",
    "year": "year on air, local date",
    "hour": "hour on the local clock, 0 to 23",
    "weekday": "day of the week on air, 1 Monday to 7 Sunday",
    "model_id": "classifier that read the faces; figures under two classifiers are two series",
    "models": "how many classifiers read the faces of this row",
    "recordings": "recordings of which something was analysed",
    "hours_analysed": "hours of television that the figures of this row are taken from",
    "hours_scheduled": "hours that were on air by the schedule; empty where nobody knows",
    "hours_excluded": "hours left out as commercials, trailers or foreign material were told to be",
    "coverage": "share of the scheduled time that was analysed, over recordings of known length",
    "unknown_length_recordings": "recordings whose length nobody knows; they are not in the coverage",
    "analysed_seconds": "time analysed, seconds",
    "female_face_seconds": "face time (seconds times faces) of faces perceived as female",
    "male_face_seconds": "face time of faces perceived as male",
    "undecided_face_seconds": "face time of faces that read as neither clearly female nor clearly male",
    "tracked_female_face_seconds": "face time of tracks perceived as female, all faces of a track read as one",
    "tracked_male_face_seconds": "face time of tracks perceived as male",
    "tracked_undecided_face_seconds": "face time of tracks that read as neither",
    "female_presence_seconds": "time with at least one face perceived as female on screen, seconds",
    "male_presence_seconds": "time with at least one face perceived as male on screen, seconds",
    "undecided_presence_seconds": "time with at least one undecided face on screen, seconds",
    "only_female_seconds": "time with faces perceived as female and none as male, seconds",
    "only_male_seconds": "time with faces perceived as male and none as female, seconds",
    "both_seconds": "time with faces perceived as female and faces perceived as male, seconds",
    "only_undecided_seconds": "time with undecided faces alone, seconds",
    "no_face_seconds": "time without any counted face, seconds",
    "mean_faces": "faces on screen on average, over the time analysed",
    "share_female_face_time": "share of face time perceived as female, of that perceived as female or male",
    "female_to_male_ratio": "face time perceived as female for one unit perceived as male",
    "share_female_presence_time": "share of the time analysed with at least one face perceived as female",
    "share_male_presence_time": "share of the time analysed with at least one face perceived as male",
    "share_only_female_time": "share of the time analysed with faces perceived as female and none as male",
    "share_only_male_time": "share of the time analysed with faces perceived as male and none as female",
    "share_both_time": "share of the time analysed with both",
    "share_only_undecided_time": "share of the time analysed with undecided faces alone",
    "share_no_face_time": "share of the time analysed without any counted face",
    "share_undecided_face_time": "share of all face time that is undecided",
    "share_female_face_time_tracks": "share_female_face_time where all faces of a track are read as one",
    "share_female_face_time_corrected": "share_female_face_time corrected for the errors found on labelled faces",
    "share_female_presence_time_corrected": "share_female_presence_time corrected in the same way",
    "share_male_presence_time_corrected": "share_male_presence_time corrected in the same way",
    "sensitivity": "of labelled women's face time, how much the classifier calls female, as found in this group",
    "specificity": "of labelled men's face time, how much the classifier calls male, as found in this group",
    "interval_note": "why there is no interval",
    "correction_note": "why nothing is corrected",
    "estimand": "what is measured: a column of the table of figures",
    "method": "raw: face by face; tracks: a track's faces read as one; corrected: for the classifier's errors",
    "unit": "share (0 to 1), ratio, seconds, or faces",
    "value": "the figure",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "note": "why the figure or its interval is missing",
}
_ENDS: Final = {
    "_analytic_low": "lower end of the 95 % interval of Lang and Reiczigel for {}",
    "_analytic_high": "upper end of the 95 % interval of Lang and Reiczigel for {}",
    "_low": "lower end of the 95 % interval of {}",
    "_high": "upper end of the 95 % interval of {}",
}


def description(column: str) -> str:
    """What a column means; a column that a user's own file brought in is named as such."""
    for end, text in _ENDS.items():
        if column.endswith(end):
            return text.format(column.removesuffix(end))
    return _MEANS.get(column, f"{column}, as the file of programmes or channels has it")


def described(table: pa.Table) -> pa.Table:
    """The same table, each field carrying its ``description`` as metadata."""
    fields = [field.with_metadata({"description": description(field.name)}) for field in table.schema]
    return table.cast(pa.schema(fields))
