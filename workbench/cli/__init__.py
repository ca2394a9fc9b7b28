"""The command line: ``workbench --help``."""
