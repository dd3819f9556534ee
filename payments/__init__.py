"""Money in: providers and their notifications. Holds no business rule."""
