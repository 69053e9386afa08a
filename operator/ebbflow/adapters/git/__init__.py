"""Git by dulwich: bare caches, no work tree, compare-and-swap pushes."""

from ebbflow.adapters.git.backend import DulwichBackend
from ebbflow.adapters.git.limits import HostPolicy, Limits, Timeouts

__all__ = ["DulwichBackend", "HostPolicy", "Limits", "Timeouts"]
