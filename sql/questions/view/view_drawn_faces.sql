-- Counted faces drawn by $seed from recordings ($numbers), with one reading, confidence, size, and bounds of score and
-- track length; null does not restrict. From recordings that were drawn ($by_recording), each gives as many.
with searched as (
    select unnest($numbers) as recording_number
),

chosen as materialized (
    select
        faces.*,
        face_size(faces.height_360) as size,
        perceived_gender(faces.p_female) as answer,
        sureness(faces.p_female) as confidence
    from face_gender as faces
    semi join searched on faces.recording_number = searched.recording_number
    where faces.counted
),

lengths as materialized (
    select
        tracks.recording_number,
        tracks.track_id,
        tracks.faces
    from tracks
    semi join searched on tracks.recording_number = searched.recording_number
),

followed as (
    select
        chosen.*,
        coalesce(lengths.faces, 1) as track_faces
    from chosen
    left join lengths on chosen.recording_number = lengths.recording_number and chosen.track_id = lengths.track_id
),

matching as (
    select
        *,
        count(*) over () as population,
        count(*) over (partition by recording_number) as of_recording
    from followed
    where
        answer is not null
        and coalesce(answer = $answer, $answer is null)
        and coalesce(confidence = $confidence, $confidence is null)
        and coalesce(size = $size, $size is null)
        and coalesce(detector_score >= $min_score, $min_score is null)
        and coalesce(detector_score <= $max_score, $max_score is null)
        and coalesce(track_faces >= $min_track, $min_track is null)
        and coalesce(track_faces <= $max_track, $max_track is null)
),

drawn as (
    select
        *,
        -ln(
            (cast(hash(recording_number, sample_index, face_index, cast($seed as bigint)) as double) + 1)
            / 18446744073709551616
        ) * case when $by_recording then of_recording else 1 end as place
    from matching
    order by place
    limit $most
)

select
    drawn.population,
    recordings.recording_id,
    recordings.channel,
    recordings.programme,
    recordings.started_at,
    drawn.sample_index,
    drawn.face_index,
    drawn.p_female,
    drawn.answer,
    drawn.detector_score,
    drawn.height_360,
    drawn.track_faces
from drawn
inner join recordings on drawn.recording_number = recordings.recording_number
order by drawn.place
