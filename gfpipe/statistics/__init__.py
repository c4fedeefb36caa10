"""From seconds by perceived gender to figures with their errors: pure arrays, no lake and no SQL."""
