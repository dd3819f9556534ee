"""One file for each chat channel."""
