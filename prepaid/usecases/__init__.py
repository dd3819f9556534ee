"""One file for one thing that a person or the clock can ask: the only place that changes anything through the store."""
