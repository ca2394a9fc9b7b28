"""The vendor Polygon."""
