"""A real local control plane with nothing installed."""
