"""Runs: who may run and when, what a document's nodes do next, and what a Run's end is.

Everything here is pure: statuses and facts go in, new statuses and actions come out.
"""
