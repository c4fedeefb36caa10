"""The shapes in which figures leave: pure functions from tables to tables."""
