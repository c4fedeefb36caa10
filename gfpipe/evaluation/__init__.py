"""How well a classifier does: data sets, metrics, figures by group."""
