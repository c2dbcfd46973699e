"""The simulator: the shipped `Node`, many of them, in one thread under a seeded world."""
