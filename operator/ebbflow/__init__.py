"""ebbflow keeps templates in Git and custom resources in the cluster the same."""

__version__ = "0.1.0"
