"""When Git triggers fire: pure rules on what was seen, the same for a poll and a webhook."""
