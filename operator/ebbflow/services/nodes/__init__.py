"""The kinds of nodes: one file a kind; they do not know each other."""
