"""Chat in, parts out: one conversation core, many channels."""
