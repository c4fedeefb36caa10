"""Training sets of faces with confident model output, without human labels."""
