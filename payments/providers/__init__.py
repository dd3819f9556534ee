"""One file for each payment provider."""
