"""What comes to the receiver: deliveries of providers, and calls by whoever knows a key."""
