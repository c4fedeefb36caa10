"""Local pages in a browser: labelling, and viewing an archive, with one server."""
