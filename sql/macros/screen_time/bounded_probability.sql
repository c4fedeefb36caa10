-- A probability within [1e-6, 1 - 1e-6], so that its logit is finite and it can be divided out of a product.
create macro bounded_probability(p_female) as greatest(least(cast(p_female as double), 1 - 1e-6), 1e-6)
