"""A strategy bar by bar through the real order path."""
