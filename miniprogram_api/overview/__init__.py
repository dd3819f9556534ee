"""The overview page: one page for one jurisdiction, live, opened by a signed link from the chat (A2, A4, A6)."""
