"""The vendor Finnhub."""
