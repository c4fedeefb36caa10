"""Face detection, alignment, tracking and crops."""
