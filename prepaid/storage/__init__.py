"""MongoDB through motor, and Redis for speed. The only door to both."""
