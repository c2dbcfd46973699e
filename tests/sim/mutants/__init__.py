"""Planted faults: each breaks one safety argument, and the seeds must notice."""
