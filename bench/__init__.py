"""Measurements on a real API server and a real Git server. Not tests: nothing here passes or fails."""
