"""Documentation; `generate` writes the generated pages."""
