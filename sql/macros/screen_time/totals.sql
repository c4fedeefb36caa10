-- Figures of a group of rows of the rollup r, used as unnest(totals(rollup)). Coverage is over recordings of known
-- length; time beyond the schedule of one recording does not offset gaps in another.
create macro totals(r) as {
    'recordings': count(distinct r.recording_id) filter (where r.analysed_seconds > 0),
    'hours_analysed': sum(r.analysed_seconds) / 3600,
    'hours_scheduled': nullif(sum(r.scheduled_seconds), 0) / 3600,
    'coverage': sum(least(r.analysed_seconds, r.scheduled_seconds)) / nullif(sum(r.scheduled_seconds), 0),
    'unknown_length_recordings': count(*) filter (where r.unknown_length),
    'analysed_seconds': sum(r.analysed_seconds),
    'female_face_seconds': sum(r.female_face_seconds),
    'male_face_seconds': sum(r.male_face_seconds),
    'undecided_face_seconds': sum(r.undecided_face_seconds),
    'female_presence_seconds': sum(r.female_presence_seconds),
    'male_presence_seconds': sum(r.male_presence_seconds),
    'undecided_presence_seconds': sum(r.undecided_presence_seconds),
    'only_female_seconds': sum(r.only_female_seconds),
    'only_male_seconds': sum(r.only_male_seconds),
    'both_seconds': sum(r.both_seconds),
    'only_undecided_seconds': sum(r.only_undecided_seconds),
    'no_face_seconds': sum(r.no_face_seconds),
    'share_female_face_time': share(sum(r.female_face_seconds), sum(r.female_face_seconds + r.male_face_seconds)),
    'female_to_male_ratio': share(sum(r.female_face_seconds), sum(r.male_face_seconds)),
    'share_undecided_face_time': share(
        sum(r.undecided_face_seconds), sum(r.female_face_seconds + r.male_face_seconds + r.undecided_face_seconds)
    ),
    'share_female_face_time_tracks': share(
        sum(r.tracked_female_face_seconds), sum(r.tracked_female_face_seconds + r.tracked_male_face_seconds)
    ),
    'mean_faces': share(
        sum(r.female_face_seconds + r.male_face_seconds + r.undecided_face_seconds), sum(r.analysed_seconds)
    ),
    'share_female_presence_time': share(sum(r.female_presence_seconds), sum(r.analysed_seconds)),
    'share_male_presence_time': share(sum(r.male_presence_seconds), sum(r.analysed_seconds)),
    'share_only_female_time': share(sum(r.only_female_seconds), sum(r.analysed_seconds)),
    'share_only_male_time': share(sum(r.only_male_seconds), sum(r.analysed_seconds)),
    'share_both_time': share(sum(r.both_seconds), sum(r.analysed_seconds)),
    'share_only_undecided_time': share(sum(r.only_undecided_seconds), sum(r.analysed_seconds)),
    'share_no_face_time': share(sum(r.no_face_seconds), sum(r.analysed_seconds))
}
