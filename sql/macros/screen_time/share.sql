-- Share of a whole; null if the whole is zero.
create macro share(part, whole) as part / nullif(whole, 0)
