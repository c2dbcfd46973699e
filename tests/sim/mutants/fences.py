"""Planted faults in fencing: what counts as a proof, and on which incarnation."""
