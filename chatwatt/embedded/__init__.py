"""Both stores as child processes, so that one machine needs nothing installed beside this package.

They are separate programs on real loopback sockets (their licences stand in NOTICE) and are never imported.
"""

from chatwatt.embedded.stores import EmbeddedStores, StoreUris, running_in

__all__ = ["EmbeddedStores", "StoreUris", "running_in"]
