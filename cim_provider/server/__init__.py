"""The shell of the provider: HTTP, TLS, passwords, processes."""
