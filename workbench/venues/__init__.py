"""The outside parties, one folder each, and what all of them share."""
