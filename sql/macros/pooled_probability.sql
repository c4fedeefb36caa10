-- What several readings of one face say together: the sigmoid of the mean of their logits, away from 0 and 1,
-- whose logits are infinite. What is no probability has no say.
create macro pooled_probability(p_female) as
1 / (1 + exp(-avg(
    ln(greatest(least(cast(p_female as double), 1 - 1e-6), 1e-6))
    - ln(1 - greatest(least(cast(p_female as double), 1 - 1e-6), 1e-6))
) filter (where p_female between 0 and 1)))
