"""Metrics of a classifier's answers."""
