"""Stages that write and remove shards."""
