"""The fake store of webhooks keeps the contract of the real one."""

from __future__ import annotations

import pytest

from tests.support.memory_world import MemoryWorld
from tests.support.webhook_store_contract import WebhookStoreContract


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


class TestMemoryWebhookStore(WebhookStoreContract):
    pass
