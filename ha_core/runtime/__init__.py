"""The shell around the node: sockets, disk, processes and clock, on asyncio."""
