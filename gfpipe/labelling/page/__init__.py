"""The labelling page and its server."""
