"""The lake: a folder of Parquet shards, one set a recording."""
