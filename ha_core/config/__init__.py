"""Desired state: the model, its parser, its checks and its edits."""
