-- Null where there is no whole to have a share of.
create macro share(part, whole) as part / nullif(whole, 0)
