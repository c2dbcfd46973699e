"""Tests of the simulator, and of the core by the simulator."""
