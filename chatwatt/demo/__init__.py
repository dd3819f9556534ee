"""The whole product, live, on embedded stores, a simulated gateway and a sandbox provider with real signatures."""
