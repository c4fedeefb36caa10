-- What every report of screen time says of the recordings (r) that it adds up; used as unnest(totals(screen_time)).
create macro totals(r) as {
    'recordings': count(*),
    'analysed_hours': sum(r.analysed_seconds) / 3600,
    'analysed_seconds': sum(r.analysed_seconds),
    'female_face_seconds': sum(r.female_face_seconds),
    'male_face_seconds': sum(r.male_face_seconds),
    'undecided_face_seconds': sum(r.undecided_face_seconds),
    'female_presence_seconds': sum(r.female_presence_seconds),
    'male_presence_seconds': sum(r.male_presence_seconds),
    'share_female_face_time': share(sum(r.female_face_seconds), sum(r.female_face_seconds + r.male_face_seconds)),
    'share_female_presence_time': share(sum(r.female_presence_seconds), sum(r.analysed_seconds)),
    'share_male_presence_time': share(sum(r.male_presence_seconds), sum(r.analysed_seconds))
}
