"""The measured figures, each against its limit or a peer in the same run."""
