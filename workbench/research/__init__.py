"""Research: sweeps, overfitting statistics and the check for leaks."""
