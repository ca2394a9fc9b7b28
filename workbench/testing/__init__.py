"""The test kit for what users write: their sources."""

from workbench.testing.sources import SourceReport, check_source

__all__ = ["SourceReport", "check_source"]
