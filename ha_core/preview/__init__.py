"""Previews: what a command, a loss or a failure would lead to, asked of the policy engine."""
