"""The archive: which recordings there are, by folder or by manifest, and which rows nobody could make sense of."""
