"""Faces that a model is sure of, well chosen: what a classifier learns from without anybody's labels."""
