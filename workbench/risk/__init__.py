"""What may become an order: rules, the gate that runs them, the kill switch."""
