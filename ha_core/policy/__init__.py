"""Policy engine: a pure function from configuration and status to a transition."""
