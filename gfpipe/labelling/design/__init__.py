"""Sampling designs and agreement of annotators."""
