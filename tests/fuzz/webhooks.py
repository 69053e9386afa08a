"""Targets: what strangers send to the receiver of webhooks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from ebbflow.domain.secret import Tainted
from ebbflow.domain.webhooks.addresses import identity, is_about
from ebbflow.domain.webhooks.delivery import MAX_REFS, Delivery, Hint, Malformed
from ebbflow.domain.webhooks.formats import FORMATS, Format, delivery_id, format_of
from tests.fuzz.target import Target, lines_of, text_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = Tainted("canary-of-a-webhook")
SHOP = "https://git.acme.dev/acme/shop.git"


def body_of(sender: Format) -> Callable[[bytes], None]:
    """Return a target for a provider's deliveries. Input: the event's name by line, the body."""

    def run(data: bytes) -> None:
        name, _, body = data.partition(b"\n")
        with suppress(Malformed):
            event = sender.event_of(Delivery({sender.event[0]: text_of(name)}, body))
            if isinstance(event, Hint):
                assert event.repositories
                assert len(event.refs) <= MAX_REFS
                is_about(SHOP, event.repositories, None)

    return run


def signed_headers(data: bytes) -> None:
    """Nobody signs without the secret, whatever the headers are. Input: headers by line, the body."""
    *lines, body = lines_of(data, 5)
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    delivery = Delivery(headers, body.encode(errors="surrogateescape"))
    delivery_id(headers)
    format_of("Git", headers)
    for sender in FORMATS:
        sender.id_of(delivery)
        sender.hook_of(delivery)
        assert not sender.is_genuine(delivery, (SECRET, Tainted("")), NOW)


def repository_told(data: bytes) -> None:
    """An address is about itself wherever it is one."""
    url = text_of(data)
    if identity(url) is not None:
        assert is_about(url, (url,), None)


TARGETS = (
    *(Target(f"webhook_{sender.provider.lower()}", body_of(sender)) for sender in FORMATS),
    Target("signed_headers", signed_headers, max_bytes=2048),
    Target("repository_told", repository_told, max_bytes=2048),
)
