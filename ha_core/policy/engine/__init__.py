"""The whole policy engine: clones, roles, sets, tickets, utilization, fencing, live migration."""
