"""The archive: recordings from a folder or a manifest, and annotations."""
