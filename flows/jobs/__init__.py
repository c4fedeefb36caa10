"""Parameters of flows: one object from the command or the schedule to the stage."""
