"""What a live run left behind, and why it earned something else than its backtest."""
