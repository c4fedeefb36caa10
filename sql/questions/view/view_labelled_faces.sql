-- Labelled faces under a filter, of one reading and one answer by people, in an order drawn by $seed.
with labelled as (
    select
        labelled_faces.*,
        recordings.recording_number,
        recordings.programme,
        recordings.started_at,
        recordings.air_date,
        recordings.started_at_local
    from labelled_faces
    inner join recordings on labelled_faces.recording_id = recordings.recording_id
    where labelled_faces.face_index is not null
),

drawn as materialized (
    select
        *,
        count(*) over () as population,
        md5_number_lower(concat_ws('/', $seed, recording_id, label_number)) as place
    from labelled
    where
        coalesce(perceived_gender = $answer, $answer is null)
        and coalesce(answer = $label, $label is null)
        and in_filter(
            channel, programme, air_date, isodow(air_date), cast(hour(started_at_local) as integer), $filter
        )
    order by place
    limit $most
),

faces as materialized (
    select face_gender.*
    from face_gender
    semi join drawn on face_gender.recording_number = drawn.recording_number
),

lengths as materialized (
    select
        tracks.recording_number,
        tracks.track_id,
        tracks.faces
    from tracks
    semi join drawn on tracks.recording_number = drawn.recording_number
)

select
    drawn.population,
    drawn.recording_id,
    drawn.channel,
    drawn.programme,
    drawn.started_at,
    drawn.sample_index,
    drawn.face_index,
    faces.p_female,
    drawn.perceived_gender as answer,
    drawn.answer as answer_by_people,
    faces.detector_score,
    faces.height_360,
    coalesce(lengths.faces, 1) as track_faces
from drawn
inner join faces
    on
        drawn.recording_number = faces.recording_number
        and drawn.sample_index = faces.sample_index
        and drawn.face_index = faces.face_index
left join lengths on faces.recording_number = lengths.recording_number and faces.track_id = lengths.track_id
order by drawn.place
