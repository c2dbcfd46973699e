"""Fencing: cutting off a node by a device, proved, sans-IO. docs/protocols/fencing.md."""
