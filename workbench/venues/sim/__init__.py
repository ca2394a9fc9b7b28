"""A simulated venue with an account of its own."""
