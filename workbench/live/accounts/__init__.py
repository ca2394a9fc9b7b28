"""One account at one venue: its books, its day, its switch, its limits, its reconciliation."""
