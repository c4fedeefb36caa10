"""Published systems and studies, repeated."""
