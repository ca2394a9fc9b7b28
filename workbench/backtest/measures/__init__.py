"""Statistics over returns, results and benchmarks; all of them are reachable as ``wb.stats``."""
