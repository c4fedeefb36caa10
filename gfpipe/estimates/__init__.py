"""Figures with their errors: sums of the warehouse, resampled and corrected for misclassification."""
