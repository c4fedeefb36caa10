"""Adapters that read data sets in various layouts into labelled images."""
