"""Data sets, splits and chips to train on."""
