"""Models: the catalogue, download and conversion, and the models folder."""
