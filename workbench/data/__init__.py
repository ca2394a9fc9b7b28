"""Bars: where they come from, how they are kept, and what they must look like."""
