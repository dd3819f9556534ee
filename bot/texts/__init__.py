"""Every sentence that a person reads, zh and en side by side."""
