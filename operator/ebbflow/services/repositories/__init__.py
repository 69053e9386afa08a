"""Repositories: who may read them, where their branches are, their files, and commits to them."""
