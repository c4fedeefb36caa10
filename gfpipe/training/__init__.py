"""How a classifier learns: labelled faces, splits and mixtures of them, recipes, and the loop."""
