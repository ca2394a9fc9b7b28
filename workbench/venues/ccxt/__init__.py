"""Crypto exchanges, through the package ccxt."""
