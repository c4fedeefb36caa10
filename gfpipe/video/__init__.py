"""Video decoding and encoding: recordings to sampled frames. Only this package imports decord and PyAV."""
