"""Results as text, tables and drawings."""
