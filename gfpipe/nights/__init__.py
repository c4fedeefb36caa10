"""Nights of an archive: what was analysed, what failed, and when it is tried again.

A night is the time from noon to noon. It is named after the days of its evening and morning.
"""
