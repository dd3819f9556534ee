"""The JSON door and the web pages."""
