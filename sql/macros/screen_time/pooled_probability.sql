-- Pools several predictions for one face: sigmoid of the mean logit. Probabilities are clipped to [1e-6, 1 - 1e-6];
-- values outside [0, 1] are ignored.
create macro pooled_probability(p_female) as
1 / (1 + exp(-avg(
    ln(greatest(least(cast(p_female as double), 1 - 1e-6), 1e-6))
    - ln(1 - greatest(least(cast(p_female as double), 1 - 1e-6), 1e-6))
) filter (where p_female between 0 and 1)))
