"""Stages that sample and import labels."""
