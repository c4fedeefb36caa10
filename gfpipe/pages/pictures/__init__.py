"""Frames and faces of recordings, decoded when they are looked at; in memory only."""
