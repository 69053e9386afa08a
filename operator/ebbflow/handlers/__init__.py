"""From kopf events to keys in one work queue, and the loop that works it off."""
