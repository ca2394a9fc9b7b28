"""The order path under a clock of its own: every fault of a venue and every crash, by seed."""
