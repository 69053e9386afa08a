"""Servers whose rules refuse a push: said in their words, the edit kept, and made when they agree.

Each row has a repository of its own on one server, and all of them refuse at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.env.conftest import Shared
from tests.support.gitserver import refusal
from tests.support.invariants import assert_settled, pushes_of, repository_of
from tests.support.synced import SHOP, Synced, link

FIVE = SHOP.replace(b'"2"', b'"5"')
BLUE = SHOP.replace(b"red", b"blue")
BOTH = FIVE.replace(b"red", b"blue")
RECOVERY_SECONDS = 40.0  # all rows recover at once, on a machine that may be busy
LONGEST_MESSAGE = 2048  # characters of a server's words with ours around them

Rule = Callable[[Synced], None]


@dataclass(frozen=True)
class Refusal:
    """How a server refuses, what of its words people must see, and how it agrees again."""

    begin: Rule
    end: Rule
    words: str


def hook(name: str, script: str, words: str) -> Refusal:
    return Refusal(
        lambda shop: shop.world.git.hook(shop.repository, name, script),
        lambda shop: shop.world.git.hook(shop.repository, name, None),
        words,
    )


def config(key: str, value: str, words: str) -> Refusal:
    def end(shop: Synced) -> None:
        repository_of(shop).git("config", "--unset", key)

    return Refusal(lambda shop: repository_of(shop).configure(key, value), end, words)


def telling_the_password() -> Refusal:
    def begin(shop: Synced) -> None:
        script = refusal(f"I know your password {shop.world.git.password}")
        shop.world.git.hook(shop.repository, "pre-receive", script)

    end = hook("pre-receive", "", "").end
    return Refusal(begin, end, "I know your password")


# The words are those that the hosts say.
GITHUB = """\
error: GH006: Protected branch update failed for refs/heads/main.
error: Changes must be made through a pull request."""
GITLAB = "GitLab: You are not allowed to push code to protected branches on this project."
GITEA = "Gitea: Not allowed to push to protected branch main"
ENDLESS = r"""#!/bin/sh
printf '\033[31mred\033[0m and\000 long ' >&2
yes 'this is not allowed' | head -c 200000 >&2
exit 1
"""

REFUSALS = {
    "as-github": hook("pre-receive", refusal(GITHUB), "GH006: Protected branch update failed"),
    "as-gitlab": hook("pre-receive", refusal(GITLAB), "push code to protected branches"),
    "as-gitea": hook("update", refusal(GITEA), "Not allowed to push to protected branch main"),
    "without-a-word": hook("pre-receive", "#!/bin/sh\nexit 1\n", "pre-receive hook declined"),
    "at-length": hook("pre-receive", ENDLESS, "this is not allowed"),
    "telling-the-password": telling_the_password(),
    "not-offered": config("receive.hideRefs", "refs/heads/main", "read the branch but not push"),
    "too-large": config("receive.maxInputSize", "100", "unpack"),
}


@pytest.fixture(scope="module")
def refused(shared: Shared) -> dict[str, tuple[Synced, str]]:
    """Every refusal, over; with what the object said in it."""
    shops = {name: link(shared, name, ready=False, interval="2s") for name in REFUSALS}
    for name, shop in shops.items():
        shop.wait()
        REFUSALS[name].begin(shop)
        shop.edit(REPLICAS="5")
    told = {name: shop.wait_stalled("PushRejected") for name, shop in shops.items()}
    for name, shop in shops.items():
        assert shop.file() == SHOP
        assert shop.arguments() == {"REPLICAS": "5", "COLOUR": "red"}
        shop.push(BLUE, "Blue")
        REFUSALS[name].end(shop)
    return {name: (shop, told[name]) for name, shop in shops.items()}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_push_is_told_in_the_servers_words_and_made_when_it_may_be(
    refused: dict[str, tuple[Synced, str]], name: str
) -> None:
    shop, message = refused[name]
    assert REFUSALS[name].words in message
    assert "the edit is kept in spec.document" in message
    assert len(message) < LONGEST_MESSAGE
    assert message.isprintable()
    shop.wait_file(BOTH, RECOVERY_SECONDS)
    shop.wait_arguments(REPLICAS="5", COLOUR="blue")
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
    assert len(list(pushes_of(shop))) == 1


def test_a_server_that_checks_every_object_and_refuses_all_but_fast_forwards_is_content(
    shared: Shared,
) -> None:
    shop = link(shared, "strict")
    for key in ("receive.denyNonFastForwards", "receive.denyDeletes", "receive.fsckObjects"):
        repository_of(shop).configure(key, "true")
    shared.git.before_receive(lambda: shop.push(BLUE, "Blue") and None)
    shop.edit(REPLICAS="5")
    shop.wait_file(BOTH, RECOVERY_SECONDS)
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
    assert shop.subjects() == ["Update strict", "Blue", "Begin"]
