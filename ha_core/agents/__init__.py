"""Resource agents as pure values: commands, exit codes, metadata, guards."""
