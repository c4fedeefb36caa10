"""The page on which an archive is viewed: what was analysed, its figures, its programmes and its faces."""
