"""One file for each command: `add` declares its words, `run` does it and returns the exit code."""
