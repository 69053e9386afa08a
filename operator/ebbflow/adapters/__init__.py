"""The only input and output: implementations of the ports."""
