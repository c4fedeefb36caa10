"""Models are data: a catalogue of them, where they come from, and a folder that keeps them with their cards."""
