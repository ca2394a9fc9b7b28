"""Execution algorithms: parents worked in parts, and how well that went."""
