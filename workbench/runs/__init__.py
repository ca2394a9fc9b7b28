"""Runs: what a run was made of, where it is kept, and the ledger that counts every trial."""
