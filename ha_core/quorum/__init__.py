"""Majority arithmetic."""
