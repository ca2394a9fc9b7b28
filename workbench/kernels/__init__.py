"""The only place that compiles: flat functions over arrays."""
