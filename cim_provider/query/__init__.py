"""Queries and filters of clients: WQL, CQL and FQL, parsed, checked and evaluated.

Owns the subsets that consoles use. Knows nothing of instances: what a condition
is about comes as a `Subject`.
"""
