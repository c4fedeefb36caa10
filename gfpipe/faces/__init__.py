"""Faces: found, aligned and cut into chips."""
