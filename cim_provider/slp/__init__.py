"""SLP, by which consoles find WBEM servers that they have not been told of."""
