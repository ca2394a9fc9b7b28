"""The database: tables, connections and migrations."""
