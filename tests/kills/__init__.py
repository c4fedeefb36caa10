"""What killed processes and full disks leave, and what the next run makes of it."""
