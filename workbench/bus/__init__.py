"""Messages by topic, inside one process or between several."""
