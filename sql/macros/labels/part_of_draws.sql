-- Weight of a draw among several draws of faces of one channel: proportional to its number of labels (Hartley 1962,
-- multiple frame surveys). Each draw represents the archive by itself.
create macro part_of_draws(channel, draw) as
count(*) over (partition by channel, draw) / count(*) over (partition by channel)
