"""Git by dulwich: bare caches, no work tree, compare-and-swap pushes."""
