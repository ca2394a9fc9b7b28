"""Revisions of the database, run by :func:`workbench.store.migrate.migrate`."""
