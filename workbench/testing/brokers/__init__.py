"""Brokers as servers on loopback, with the faults of real ones."""
