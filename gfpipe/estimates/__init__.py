"""Figures with their errors: what the warehouse adds up, resampled and corrected."""

from gfpipe.estimates.measure import measure
from gfpipe.estimates.published import estimates
from gfpipe.estimates.question import Question

__all__ = ["Question", "estimates", "measure"]
