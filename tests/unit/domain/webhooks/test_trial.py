"""A delivery to try a receiver with is one that the receiver takes, for every provider."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from ebbflow.api.gitaccount import Provider
from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.addresses import is_about
from ebbflow.domain.webhooks.delivery import Hint, Ping, Unimportant
from ebbflow.domain.webhooks.formats import format_of
from ebbflow.domain.webhooks.trial import trial

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = Tainted("s")
URL = "https://git.acme.dev/acme/shop"


@pytest.mark.parametrize("provider", get_args(Provider))
def test_a_trial_is_genuine_and_tells_of_the_push(provider: Provider) -> None:
    for push in (None, (URL, "release/1")):
        sent = trial(provider, SECRET, "d-1", push)
        found = format_of(provider, sent.headers)
        assert found is not None
        assert found.is_genuine(sent, (SECRET,), NOW)
        assert not found.is_genuine(sent, (Tainted("other"),), NOW)
        assert found.id_of(sent) == "d-1"
        event = found.event_of(sent)
        if push is None:
            assert isinstance(event, Ping | Unimportant)
            continue
        assert isinstance(event, Hint)
        assert event.refs == ("refs/heads/release/1",)
        assert is_about(URL, event.repositories, None)
