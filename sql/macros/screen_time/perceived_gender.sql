-- Perceived gender by the thresholds 0.4 and 0.6, defined only here; null for a probability outside [0, 1].
create macro perceived_gender(p_female) as
case
    when p_female between cast(0.6 as float) and 1 then 'female'
    when p_female between 0 and cast(0.4 as float) then 'male'
    when p_female between 0 and 1 then 'undecided'
end
