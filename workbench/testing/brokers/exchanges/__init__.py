"""Crypto exchanges on loopback, with accounts: what ccxt asks them, signed."""
