"""Raft: one log, one coordinator, agreed by a majority of the voters."""
