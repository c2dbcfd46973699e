"""The CIM-XML protocol as pure functions over bytes and values: no socket, no clock, no cluster."""
