"""GitTriggers: what moved is judged, recorded, and starts Runs once."""
