"""Damaged recordings by the thousand: each ends in right samples or in a named failure (`make fuzz`)."""
