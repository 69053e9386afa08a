"""GitAccounts: whether they can be used, whose credentials they have, their webhooks."""
