"""Comparison of published systems."""
