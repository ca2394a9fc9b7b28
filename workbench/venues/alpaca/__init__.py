"""The vendor Alpaca."""
