"""What the sentences of faults say is allowed."""

AGENTS = "ocf:PROVIDER:TYPE, lsb:NAME, systemd:NAME, service:NAME, heartbeat:NAME, process or "
TIME = "with its unit, one of ms, s, min, h, d"
ID = "letters, digits, _ . - (64 at most, beginning with a letter, a digit or _)"
SCORE = "a whole number within -1000000..1000000, INFINITY or -INFINITY"
KINDS = "'location', 'rule', 'colocation', 'order', 'together', 'apart', 'ticket'"
FURTHER = "critical, allow_migrate, multiple_active, requires, allow_unhealthy_nodes, maintenance"
PLAIN = "NAME with letters, digits and . _ + -"
