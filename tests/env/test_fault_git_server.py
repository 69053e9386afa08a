"""A Git server that fails at any step of a write-back: the edit is one commit, made by itself.

Each row has a Git server of its own, and all of them fail side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.gitserver import FaultyGitServer
from tests.support.invariants import assert_settled
from tests.support.servers import GitServers
from tests.support.synced import SHOP, Scene, Synced, link
from tests.support.waiting import eventually

BLUE = SHOP.replace(b"red", b"blue")
BOTH = BLUE.replace(b'"2"', b'"5"')
BESIDE = "notes.txt"
SEEN_SECONDS = 20.0
RECOVERY_SECONDS = 40.0  # all rows recover at once, on a machine that may be busy

Harm = Callable[[FaultyGitServer, str], None]

# What a write-back asks for. It fetches what it does not know, which somebody has just committed;
# and it asks where the branch is when the server refused the push, since somebody was faster.
STEPS = {
    "fetching": "upload-pack",
    "announcing-the-push": "info-refs receive-pack",
    "pushing": "receive-pack",
    "asking-after-a-refusal": "upload-pack",
}

HARMS: dict[str, Harm] = {
    "503": lambda git, service: git.fail(503, times=None, service=service),
    "429": lambda git, service: git.fail(429, times=None, service=service, retry_after="1"),
    "cut": lambda git, service: git.refuse_connections_after_accept(times=None, service=service),
    "half": lambda git, service: git.drop(times=None, service=service),
    "slow": lambda git, service: git.hang(service=service),
}

# What becomes of the answer to a push that was carried out.
ANSWERS: dict[str, Callable[[FaultyGitServer], None]] = {
    "lost": lambda git: git.lose_answer_of_push(),
    "500": lambda git: git.fail_after_push(500),
    "half": lambda git: git.drop_after_push(),
}

# Only these come to an end by themselves; a slow answer is waited for as long as it may take.
SILENT = ("slow",)


@dataclass(frozen=True)
class Told:
    """A Template after its trouble, and what it said in it: reason, message, other conditions."""

    shop: Synced
    reason: str
    message: str
    others: tuple[str, ...]


def rows() -> dict[str, tuple[str, str]]:
    return {f"{how}-{step}": (step, how) for step in STEPS for how in HARMS}


def prepare(servers: GitServers, name: str) -> Synced:
    scene: Scene = servers(name)
    # Polls are so far apart that it is the write-back that meets the trouble.
    return link(scene, name, ready=False, interval="3s")


def begin(shop: Synced, step: str, how: str) -> None:
    git = shop.world.git

    def overtake() -> None:
        git.commit(shop.repository, {BESIDE: b"first\n"}, "Beside")
        git.seen.clear()
        HARMS[how](git, STEPS[step])

    git.seen.clear()
    match step:
        case "asking-after-a-refusal":
            git.before_receive(overtake)
        case "fetching":
            overtake()
        case _:
            HARMS[how](git, STEPS[step])
    shop.edit(REPLICAS="5")


def hear(shop: Synced, step: str, how: str) -> Told:
    if how in SILENT:
        wait_stuck(shop, STEPS[step])
        return Told(shop, "", "", ())
    seen = shop.wait("False", "GitUnreachable")
    others = (c["type"] for c in seen["status"]["conditions"] if c["type"] != "Ready")
    return Told(shop, shop.ready()[1], shop.ready()[2], tuple(others))


def wait_stuck(shop: Synced, service: str) -> None:
    git = shop.world.git

    def asked() -> bool:
        return any(request.service == service for request in git.seen)

    eventually(asked, SEEN_SECONDS, f"{shop.name} to wait for {service}")


def end(shop: Synced) -> None:
    shop.push(BLUE, "Blue")
    shop.world.git.calm()


@pytest.fixture(scope="module")
def failed(servers: GitServers) -> dict[str, Told]:
    """Servers that did not do what they were asked, well again."""
    shops = {name: prepare(servers, name) for name in rows()}
    for shop in shops.values():
        shop.wait()
    for name, shop in shops.items():
        begin(shop, *rows()[name])
    told = {name: hear(shop, *rows()[name]) for name, shop in shops.items()}
    for shop in shops.values():
        end(shop)
    return told


@pytest.mark.parametrize("name", rows())
def test_an_edit_is_committed_when_the_server_is_well_again_and_the_status_told(
    failed: dict[str, Told], name: str
) -> None:
    told = failed[name]
    if rows()[name][1] not in SILENT:
        assert (told.reason, told.others) == ("GitUnreachable", ("Reconciling",))
        assert "tries again" in told.message or "try" in told.message
    told.shop.wait_file(BOTH, RECOVERY_SECONDS)
    told.shop.wait_arguments(REPLICAS="5", COLOUR="blue")
    told.shop.wait()
    assert_settled(told.shop, {"REPLICAS": "5"})


@pytest.fixture(scope="module")
def unanswered(servers: GitServers) -> dict[str, Synced]:
    """Servers that took a push and did not say so."""
    shops = {answer: prepare(servers, f"answer-{answer}") for answer in ANSWERS}
    for shop in shops.values():
        shop.wait()
    for answer, shop in shops.items():
        ANSWERS[answer](shop.world.git)
        shop.edit(REPLICAS="5")
    for shop in shops.values():
        shop.wait_file(SHOP.replace(b'"2"', b'"5"'))
        shop.push(BOTH, "Blue")
    return shops


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_push_that_was_carried_out_without_an_answer_is_made_once(
    unanswered: dict[str, Synced], answer: str
) -> None:
    shop = unanswered[answer]
    shop.wait_arguments(REPLICAS="5", COLOUR="blue")
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
    assert shop.subjects() == ["Blue", f"Update {shop.name}", "Begin"]
