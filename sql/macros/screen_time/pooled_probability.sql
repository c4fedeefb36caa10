-- Pools several predictions for one face: sigmoid of the mean logit. Probabilities are clipped to [1e-6, 1 - 1e-6];
-- values outside [0, 1] are ignored.
create macro pooled_probability(p_female) as
1 / (1 + exp(-avg(
    ln(bounded_probability(p_female)) - ln(1 - bounded_probability(p_female))
) filter (where p_female between 0 and 1)))
