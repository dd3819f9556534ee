"""Channel-neutral conversations: pure functions from what was said to what is shown."""
