"""Every figure the README quotes, measured against its peer in the same run."""
