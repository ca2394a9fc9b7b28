"""A venue that speaks as Alpaca does; ``python -m workbench.testing.brokers.alpaca`` runs it."""
