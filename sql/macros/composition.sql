-- Who is in a picture, as one number that pictures can be grouped by: two decimal digits (at most 99 faces) for each
-- perceived gender (female, male, undecided) of each size (small, medium, large); null where no face counts.
create macro composition(size, gender) as cast(
    sum(
        case size when 'small' then 1 when 'medium' then 1000000 when 'large' then 1000000000000 end
        * case gender when 'female' then 1 when 'male' then 100 when 'undecided' then 10000 end
    ) as ubigint
)
