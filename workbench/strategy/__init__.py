"""What decides: the strategy contract, its parameters, the registry and worked examples."""
