-- Number of faces of one perceived gender in a composition, over all sizes; gender: 0 female, 1 male, 2 undecided.
create macro faces_in(composition, gender) as cast(
    composition // cast(100 ** gender as ubigint) % 100
    + composition // cast(100 ** (gender + 3) as ubigint) % 100
    + composition // cast(100 ** (gender + 6) as ubigint) % 100
    as integer
)
