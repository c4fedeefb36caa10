"""Tests of tables that people make."""
