"""What kinds of nodes that apply objects share."""
