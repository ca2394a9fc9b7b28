"""Bars from CSV and Parquet files."""
