"""Pure rules about money, energy and supply. No await, no clock, no I/O: give them facts, they give verdicts."""
