"""Which shards a lake has, and where: in files of their own, or in the compacted files of closed months."""
