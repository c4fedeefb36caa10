"""Tests of gfpipe.curation."""
