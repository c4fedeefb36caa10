-- Encodes the faces of a sample as one number, so that samples can be grouped: two decimal digits (at most 99 faces)
-- per perceived gender (female, male, undecided) and size (small, medium, large). Null without counted faces.
create macro composition(size, gender) as cast(
    sum(
        case size when 'small' then 1 when 'medium' then 1000000 when 'large' then 1000000000000 end
        * case gender when 'female' then 1 when 'male' then 100 when 'undecided' then 10000 end
    ) as ubigint
)
