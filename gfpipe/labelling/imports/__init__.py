"""Imports of labels and speech segments."""
