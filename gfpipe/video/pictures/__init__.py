"""Decoded frames as the pictures that a player shows."""
