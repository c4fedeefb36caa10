-- Each draw of faces to label stands for the whole archive by its own weights. Several draws of one channel are joined
-- as a mean of what each says, in which each counts for as many faces as it has labels (Hartley 1962 joins frames so).
create macro part_of_draws(channel, draw) as
count(*) over (partition by channel, draw) / count(*) over (partition by channel)
