"""Runs: their turn, their nodes, what they leave, and how what they made goes with its source."""
