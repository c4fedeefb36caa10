"""Classifiers of perceived gender and age, and their networks."""
