"""WBEM server and CIM provider: the cluster as enterprise consoles see and control it."""
