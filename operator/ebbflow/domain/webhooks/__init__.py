"""Webhook deliveries of Git providers: whose they are, whether they are genuine, and what they say.

Pure. Nothing that a delivery says is believed beyond this: which repository to look at sooner.
"""
