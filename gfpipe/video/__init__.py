"""Recordings in, sampled frames out. Only in this folder are decord and PyAV imported."""
