"""Stages that publish and export figures."""
