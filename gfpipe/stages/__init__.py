"""One file a verb; each reads and writes the lake, and none knows another."""
