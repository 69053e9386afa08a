"""The APIs of providers, over fakes that answer as each provider documents."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ebbflow.adapters.providers import PROVIDERS
from tests.support.providers.contract import ProviderContract
from tests.support.providers.fakes import (
    FAKES,
    FakeBitbucket,
    FakeBitbucketDataCenter,
    FakeGitea,
    FakeGitHub,
    FakeGitLab,
)
from tests.support.providers.server import FakeProvider


class Fixture(ProviderContract):
    fake: type[FakeProvider]

    @pytest.fixture
    async def world(self) -> AsyncIterator[FakeProvider]:
        async with self.fake() as server:
            yield server


class TestGitHub(Fixture):
    fake = FakeGitHub


class TestGitLab(Fixture):
    fake = FakeGitLab
    tells_paths_of_forks = False


class TestGitea(Fixture):
    fake = FakeGitea


class TestBitbucket(Fixture):
    fake = FakeBitbucket
    has_labels = False


class TestBitbucketDataCenter(Fixture):
    fake = FakeBitbucketDataCenter
    has_labels = False


def test_every_provider_is_held_to_the_contract() -> None:
    assert {kind.name for kind in PROVIDERS} == {fake.provider for fake in FAKES}
