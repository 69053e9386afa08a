"""Pure functions and values, and the ports that the outside is reached by."""
