"""Fees and slippage: one small class each, the same for kernel, simulated venue and reference."""
