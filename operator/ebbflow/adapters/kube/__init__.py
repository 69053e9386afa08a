"""The Kubernetes API: typed reads, guarded writes, one status writer, events, election."""
