"""From plan to action: the coordinator's executor and each node's own resources."""
