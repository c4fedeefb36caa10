"""Building blocks without knowledge of recordings: arrays, files, progress, validation, optional packages."""
