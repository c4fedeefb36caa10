-- Hours in which women only, men only, both, undecided only and no face do not add up to the time analysed.
select
    recording_id,
    date,
    hour,
    analysed_seconds,
    only_female_seconds + only_male_seconds + both_seconds + only_undecided_seconds + no_face_seconds as sum_of_kinds
from rollup
where
    abs(
        analysed_seconds
        - (only_female_seconds + only_male_seconds + both_seconds + only_undecided_seconds + no_face_seconds)
    ) > 1e-3
