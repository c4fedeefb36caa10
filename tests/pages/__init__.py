"""Tests of local pages."""
