"""Whole clusters on one machine, to try, to break and to test: `ha lab`."""
