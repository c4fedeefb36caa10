-- Class of the classifier's confidence |2p - 1|, defined only here; undecided faces are unsure.
create macro sureness(p_female) as
case
    when perceived_gender(p_female) = 'undecided' then 'unsure'
    when abs(2 * p_female - 1) < 0.6 then 'low'
    when abs(2 * p_female - 1) < 0.9 then 'middle'
    when p_female is not null then 'high'
end
