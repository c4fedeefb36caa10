"""Study of pseudo-label confidence thresholds."""
