"""Figures with their errors: what the warehouse adds up, resampled and corrected."""
