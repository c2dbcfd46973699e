"""Heartbeat and failover core, its daemon, client, command line and simulator."""
