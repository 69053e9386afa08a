"""A load of deliveries: none is lost, each push starts one run, and floods of bad ones cost nothing.

In `make soak` 200 deliveries a second come for 30 s, and 10,000 bad ones; in `make test` fewer.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.deliveries import github_push
from tests.support.gitserver import FaultyGitServer
from tests.support.hooked import SLOW_FLAGS, Make, Provider, make_slow, provider_of
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.soak import SOAK
from tests.support.waiting import eventually

A_SECOND = 200
SECONDS = 30 if SOAK else 4
PUSHES = 20 if SOAK else 5
BAD = 10_000 if SOAK else 1_000
SENDERS = 8
MEMORY = 32 * 1024
"""KiB that the operator may grow by under a flood: what its allocator keeps, and no more."""

Request = tuple[bytes, dict[str, str]]


@pytest.fixture
def make(kubectl: Kubectl, namespace: str, git: FaultyGitServer, account: str) -> Make:
    return make_slow(kubectl, namespace, git, account)


def resident(operator: OperatorProcess) -> int:
    """Return the resident memory of the operator in KiB."""
    text = Path(f"/proc/{operator.pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS")))


def send_all(
    provider: Provider, requests: Iterator[Request], pace: float = 0.0
) -> tuple[Counter[int], float]:
    """Send requests over kept connections, one each `pace` seconds; statuses, and the longest time."""
    seen: Counter[int] = Counter()
    lock, began, longest = threading.Lock(), time.monotonic(), [0.0]
    numbered = enumerate(requests)

    def sender() -> None:
        connection = HTTPConnection(provider.place, timeout=30)
        while True:
            with lock:
                number, (body, headers) = next(numbered, (None, (b"", {})))
            if number is None:
                return connection.close()
            threading.Event().wait(max(0.0, began + number * pace - time.monotonic()))
            sent_at = time.monotonic()
            connection.request("POST", provider.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            with lock:
                seen[answer.status] += 1
                longest[0] = max(longest[0], time.monotonic() - sent_at)

    with ThreadPoolExecutor(SENDERS) as pool:
        for done in [pool.submit(sender) for _ in range(SENDERS)]:
            done.result()
    return seen, longest[0]


def test_no_delivery_is_lost_and_each_push_starts_one_run(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str, make: Make
) -> None:
    operator = operators(*SLOW_FLAGS)
    shop, provider = make("shop"), provider_of(kubectl, operator, namespace, account)
    url, count = shop.git.url_of("shop"), A_SECOND * SECONDS
    commits: list[str] = []

    def deliveries() -> Iterator[Request]:
        for number in range(count):
            if number % (count // PUSHES) == 0:
                commits.append(shop.push({"app.py": str(number).encode()}))
            yield provider.signed("push", github_push(url))

    seen, longest = send_all(provider, deliveries(), 1 / A_SECOND)
    assert seen == {202: count}
    assert longest < 5
    assert shop.run_for(commits[-1])
    fired = [d for d in shop.deliveries() if d["verdict"] == "Fired"]
    runs = [name for delivery in fired for name in delivery["runs"]]
    # A push that the next one overtook is part of that one's move.
    assert len(runs) == len(set(runs)) == len(shop.source.runs()) <= PUSHES
    moves = list(pairwise(fired))
    assert all(newer["before"] == older["after"] for newer, older in moves)
    assert operator.metric("ebbflow_webhooks_total", outcome="taken") == count


def test_a_flood_of_bad_deliveries_changes_nothing_and_takes_no_memory(
    operators: Operators, kubectl: Kubectl, namespace: str, account: str, make: Make
) -> None:
    operator = operators(*SLOW_FLAGS)
    shop, provider = make("shop"), provider_of(kubectl, operator, namespace, account)
    good = provider.signed("push", github_push(shop.git.url_of("shop")))
    version = kubectl.get("GitTrigger", "shop", namespace)["metadata"]["resourceVersion"]
    large = json.dumps({"x": "y" * 100_000}).encode()
    makers: list[Callable[[], Request]] = [
        lambda: provider.signed("push", large, secret="guessed"),
        lambda: (good[0], {"Content-Type": "application/json"}),
        lambda: provider.signed("push", b'{"cut'),
        lambda: (good[0], good[1] | {"Content-Type": "text/plain"}),
        lambda: (good[0], good[1] | {"X-Hub-Signature-256": "sha256=" + "0" * 64}),
    ]

    def flood() -> Iterator[Request]:
        for number in range(BAD):
            yield makers[number % len(makers)]()

    send_all(provider, flood())
    before = resident(operator)
    seen, _ = send_all(provider, flood())
    assert set(seen) <= {400, 401, 415, 429}
    assert sum(seen.values()) == BAD
    assert resident(operator) - before < MEMORY
    assert kubectl.get("GitTrigger", "shop", namespace)["metadata"]["resourceVersion"] == version
    assert shop.source.runs() == []
    eventually(lambda: provider.push(shop.git.url_of("shop")).status == 202, 20, "it to go on")
