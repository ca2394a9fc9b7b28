"""What a strategy wants of the bars it has seen, in units: the same live and replayed."""
