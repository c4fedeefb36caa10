"""Figures of the report, declared for a given width."""
