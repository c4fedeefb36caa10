"""Export formats of figures: functions from tables to tables."""
