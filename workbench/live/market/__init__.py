"""What is told of the market, on its way to whoever waits for it: feeds, bars, gaps, prices."""
