"""Cluster managers behind the port `cim_provider.engine`."""
