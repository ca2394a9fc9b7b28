"""Strategies on a stream of events: the replay and the desk."""
