"""The HTTP server that Git providers and other callers deliver webhooks to."""
