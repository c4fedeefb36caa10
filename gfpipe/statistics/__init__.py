"""Estimators and intervals of screen time; functions of arrays only."""
