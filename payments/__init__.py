"""Ways to pay: one module for each provider below `providers`, and the one door for their notifications."""
