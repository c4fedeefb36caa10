-- Labels with the detected face whose box overlaps most, by at least one half: one row per label. A later answer of
-- the same annotator for the same face and draw replaces the earlier one; answers of two draws both stay, as each
-- draw represents the archive by itself.
with pictures as materialized (
    select * from labelled_pictures
),

taken_back as (
    select distinct older.label_number
    from pictures as older
    inner join pictures as newer
        on
            older.recording_number = newer.recording_number
            and older.sample_index = newer.sample_index
            and older.annotator is not distinct from newer.annotator
            and older.draw is not distinct from newer.draw
    where
        (newer.imported_at, newer.label_number) > (older.imported_at, older.label_number)
        and overlap(older, newer) >= 0.5 -- noqa: RF02
),

pairs as (
    select
        pictures.label_number,
        pictures.annotator,
        pictures.draw,
        faces.recording_number,
        faces.sample_index,
        faces.face_index,
        overlap(pictures, faces) as overlap -- noqa: RF02
    from pictures
    inner join faces
        on
            pictures.recording_number = faces.recording_number
            and pictures.sample_index = faces.sample_index
    cross join counting
    anti join taken_back on pictures.label_number = taken_back.label_number
    where
        overlap(pictures, faces) >= 0.5 -- noqa: RF02
        and is_detected(faces.detector_score, pictures.sampling, counting.min_score)
),

matches as (
    select
        label_number,
        face_index
    from pairs
    qualify
        row_number() over (partition by label_number order by overlap desc, face_index asc) = 1
        and row_number() over (
            partition by recording_number, sample_index, face_index, annotator, draw
            order by overlap desc, label_number asc
        ) = 1
)

select
    pictures.*,
    matches.face_index,
    taken_back.label_number is not null as taken_back
from pictures
left join matches on pictures.label_number = matches.label_number
left join taken_back on pictures.label_number = taken_back.label_number
