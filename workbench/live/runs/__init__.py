"""Strategies at work: the engine, its runs, and what is kept of them."""
