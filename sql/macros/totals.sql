-- What every report of screen time says of the recordings that it adds up; used as unnest(totals(screen_time)).
create macro totals(recording) as {
    'recordings': count(*),
    'analysed_hours': sum(recording.analysed_seconds) / 3600,
    'analysed_seconds': sum(recording.analysed_seconds),
    'female_face_seconds': sum(recording.female_face_seconds),
    'male_face_seconds': sum(recording.male_face_seconds),
    'undecided_face_seconds': sum(recording.undecided_face_seconds),
    'female_presence_seconds': sum(recording.female_presence_seconds),
    'male_presence_seconds': sum(recording.male_presence_seconds),
    'share_female_face_time':
        share(sum(recording.female_face_seconds), sum(recording.female_face_seconds + recording.male_face_seconds)),
    'share_female_presence_time': share(sum(recording.female_presence_seconds), sum(recording.analysed_seconds)),
    'share_male_presence_time': share(sum(recording.male_presence_seconds), sum(recording.analysed_seconds))
}
