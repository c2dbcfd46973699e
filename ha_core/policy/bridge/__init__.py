"""The cluster's own configuration and status put to the whole policy engine, and its answer."""
