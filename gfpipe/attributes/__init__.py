"""What a face looks like to a viewer: networks, and classifiers that read their outputs."""
