"""One small reader for each form of data set: from names, lists and tables to labelled images."""
