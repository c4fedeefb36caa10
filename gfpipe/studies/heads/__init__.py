"""Classical classifiers on the features of a frozen network."""
