"""What kinds of nodes with pods share: workloads, Jobs of attempts, clones, builds, commands."""
