"""Stand-ins that a newcomer runs and the tests use: simulated gateways, providers and chat servers."""
