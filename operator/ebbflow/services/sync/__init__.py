"""Templates: object and file kept the same, edits of either side carried to the other."""
