"""A kit for tests: vendors on loopback that speak their wire format, and faults."""
