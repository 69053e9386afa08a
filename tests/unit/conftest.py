"""For the tests of whatever talks to an API server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.fake_kube_api import FakeApi, serve_fake_api


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    """A scripted API server."""
    async with serve_fake_api() as fake:
        yield fake
