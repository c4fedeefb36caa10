"""Stages that train, measure and promote models."""
