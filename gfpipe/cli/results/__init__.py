"""Results of commands: their formats and files, and the SQL prompt."""
