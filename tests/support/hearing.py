"""Proof that an operator is not deaf: what changes on either side reaches the other."""

from __future__ import annotations

import secrets

from tests.support.synced import SHOP, Synced
from tests.support.waiting import eventually

HEARING_SECONDS = 30.0


def assert_hears_both_sides(shop: Synced, timeout: float = HEARING_SECONDS) -> None:
    """Edit the object and wait for the commit; push the file and wait for the object.

    `shop` holds SHOP, with any COLOUR.
    """
    edited, pushed = f"edit-{secrets.token_hex(4)}", f"push-{secrets.token_hex(4)}"
    shop.edit(COLOUR=edited)
    eventually(lambda: shop.file() == _coloured(edited), timeout, "an edit to become a commit")
    shop.push(_coloured(pushed))
    eventually(
        lambda: shop.arguments() == {"REPLICAS": "2", "COLOUR": pushed}, timeout, "a push to arrive"
    )


def _coloured(colour: str) -> bytes:
    return SHOP.replace(b"COLOUR: red", f"COLOUR: {colour}".encode())
