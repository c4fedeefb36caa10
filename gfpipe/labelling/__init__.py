"""Labels of faces by annotators, and output of other programs, validated and stored in the lake."""
