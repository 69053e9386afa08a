"""Every trouble is said, and over as soon as its cause is: nothing is lost on either side.

Each trouble has a Git server of its own, and all of them happen side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.env.conftest import GIT_USER, Shared
from tests.support.builders import git_account, secret
from tests.support.canary import Canary, CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.synced import PATH, SHOP, Scene, Synced, attach

FIVE = SHOP.replace(b'"2"', b'"5"')
BLUE = SHOP.replace(b"red", b"blue")
BOTH = FIVE.replace(b"red", b"blue")
RETRIED = {"GitUnreachable"}


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, what the operator says to it, what it must tell people, how it is mended."""

    reason: str
    words: str
    begin: Callable[[Synced], object]
    end: Callable[[Synced], object]


@dataclass(frozen=True)
class Told:
    """What the object said in its trouble."""

    message: str
    conditions: list[str]


# What can be done to a Template's world


def login(shop: Synced, password: str, *hosts: str) -> None:
    made = secret(shop.world.account).within(shop.world.namespace).for_hosts(*hosts)
    shop.world.kubectl.apply(made.with_login(GIT_USER, password).build())


def right_login(shop: Synced) -> None:
    login(shop, str(shop.world.git.password), "127.0.0.1")


def wrong_login(shop: Synced) -> None:
    login(shop, "not the password", "127.0.0.1")


def login_for_another_host(shop: Synced) -> None:
    login(shop, str(shop.world.git.password), "git.example.com")


def account(shop: Synced) -> None:
    made = git_account(shop.world.account).within(shop.world.namespace).using(shop.world.account)
    shop.world.kubectl.apply(made.build())


def no_account(shop: Synced) -> None:
    shop.world.kubectl.delete("GitAccount", shop.world.account, shop.world.namespace)


def no_secret(shop: Synced) -> None:
    shop.world.kubectl.delete("Secret", shop.world.account, shop.world.namespace)


def lose_branch(shop: Synced) -> None:
    shop.world.git.repository(shop.repository).point("main", None)


def bring_branch_back(shop: Synced) -> None:
    repository = shop.world.git.repository(shop.repository)
    repository.point("main", repository.head("kept"))


def hide_repository(shop: Synced) -> None:
    place = shop.world.git.root / f"{shop.repository}.git"
    place.rename(place.with_suffix(".hidden"))


def show_repository(shop: Synced) -> None:
    place = shop.world.git.root / f"{shop.repository}.git"
    place.with_suffix(".hidden").rename(place)


def push_blue(shop: Synced) -> None:
    shop.push(BLUE, "Blue")


def answer(status: int, retry_after: str | None = None) -> Callable[[Synced], None]:
    return lambda shop: shop.world.git.fail(status, times=None, retry_after=retry_after)


def calm(shop: Synced) -> None:
    shop.world.git.calm()


def both(*steps: Callable[[Synced], object]) -> Callable[[Synced], None]:
    def run(shop: Synced) -> None:
        for step in steps:
            step(shop)

    return run


# Troubles of a Template that was in step. While they last, its object is edited; a person has
# pushed another edit when they are over.

LATER = {
    "server-gone": Trouble(
        "GitUnreachable",
        "check the address and the network",
        lambda shop: shop.world.git.stop(),
        both(push_blue, lambda shop: shop.world.git.start()),
    ),
    "server-overloaded": Trouble(
        "GitUnreachable", "HTTP 503", answer(503, "1"), both(push_blue, calm)
    ),
    "connections-cut": Trouble(
        "GitUnreachable",
        "tries again",
        lambda shop: shop.world.git.refuse_connections_after_accept(times=None),
        both(push_blue, calm),
    ),
    "no-longer-allowed-to-push": Trouble(
        "AuthenticationFailed",
        "forbids to push",
        lambda shop: shop.world.git.fail(403, times=None, service="info-refs receive-pack"),
        both(push_blue, calm),
    ),
    "wrong-password": Trouble(
        "AuthenticationFailed",
        "Correct the Secret of the GitAccount",
        wrong_login,
        both(push_blue, right_login),
    ),
    "secret-gone": Trouble(
        "SecretNotFound", "does not exist; create it", no_secret, both(push_blue, right_login)
    ),
    "account-gone": Trouble(
        "AccountNotFound", "does not exist; create it", no_account, both(push_blue, account)
    ),
    "repository-gone": Trouble(
        "RepositoryNotFound",
        "Check the address",
        hide_repository,
        both(show_repository, push_blue),
    ),
    "branch-gone": Trouble(
        "BranchNotFound",
        "create it or change spec.git.branch",
        lose_branch,
        both(bring_branch_back, push_blue),
    ),
    "file-gone": Trouble(
        "FileNotFound",
        "restore it, change spec.git.path, or remove spec.git",
        lambda shop: shop.push(None, "Gone"),
        push_blue,
    ),
    "file-broken": Trouble(
        "InvalidDocument",
        "templates/shop.yaml: line 3, column 1",
        lambda shop: shop.push(b"apiVersion: v1.2\narguments: [\n", "Broken"),
        push_blue,
    ),
    "pushes-refused": Trouble(
        "PushRejected",
        "only on weekdays",
        lambda shop: shop.world.git.refuse_pushes(shop.repository, "only on weekdays"),
        both(push_blue, lambda shop: shop.world.git.refuse_pushes(shop.repository, None)),
    ),
}

# Troubles of a Template that was never in step.

AT_FIRST = {
    "no-server-yet": Trouble(
        "GitUnreachable",
        "connection refused",
        lambda shop: shop.world.git.stop(),
        lambda shop: shop.world.git.start(),
    ),
    "wrong-password-yet": Trouble(
        "AuthenticationFailed", "refused the credentials", wrong_login, right_login
    ),
    "no-secret-yet": Trouble("SecretNotFound", "does not exist; create it", no_secret, right_login),
    "no-account-yet": Trouble("AccountNotFound", "does not exist; create it", no_account, account),
    "secret-not-for-the-host-yet": Trouble(
        "SecretNotForHost", "kubectl annotate secret", login_for_another_host, right_login
    ),
    "no-repository-yet": Trouble(
        "RepositoryNotFound", "Check the address", hide_repository, show_repository
    ),
    "no-branch-yet": Trouble(
        "BranchNotFound",
        "create it or change spec.git.branch",
        lose_branch,
        bring_branch_back,
    ),
}


@pytest.fixture(scope="module")
def servers(
    shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Scene]]:
    """A maker of worlds with a Git server and an account of their own, in the shared namespace."""
    search, root = CanarySearch(), tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:

        def make(name: str) -> Scene:
            canary = Canary.generate()
            search.add(canary)
            (root / name).mkdir()
            server = FaultyGitServer(root / name, username=GIT_USER, password=canary.value)
            stack.enter_context(server)
            server.create_repository(name, {PATH: SHOP})
            server.repository(name).git("branch", "kept", "main")
            return Scene(shared.kubectl, server, shared.namespace, f"account-of-{name}")

        yield make
        shared.look_everywhere(search)
        search.look_at_repositories(Path(root))
        search.verify()


def prepare(scene: Scene, name: str) -> Synced:
    """What a Template needs, without the Template."""
    shop = Synced(scene, name, name, PATH)
    right_login(shop)
    account(shop)
    return shop


def hear(shop: Synced, trouble: Trouble) -> Told:
    seen = shop.wait("False", trouble.reason)
    return Told(shop.ready()[2], [c["type"] for c in seen["status"]["conditions"]])


@pytest.fixture(scope="module")
def at_first(servers: Callable[[str], Scene]) -> dict[str, tuple[Synced, Told]]:
    """All first troubles, over."""
    shops = {name: prepare(servers(name), name) for name in AT_FIRST}
    for name, shop in shops.items():
        AT_FIRST[name].begin(shop)
        attach(shop.world, name, name, ready=False)
    told = {name: hear(shop, AT_FIRST[name]) for name, shop in shops.items()}
    for name, shop in shops.items():
        AT_FIRST[name].end(shop)
    for shop in shops.values():
        shop.wait()
    return {name: (shop, told[name]) for name, shop in shops.items()}


@pytest.fixture(scope="module")
def later(servers: Callable[[str], Scene]) -> dict[str, tuple[Synced, Told]]:
    """All later troubles, over."""
    shops = {name: prepare(servers(name), name) for name in LATER}
    for name, shop in shops.items():
        attach(shop.world, name, name, ready=False)
    for shop in shops.values():
        shop.wait()
    for name, shop in shops.items():
        LATER[name].begin(shop)
        shop.edit(REPLICAS="5")
    told = {name: hear(shop, LATER[name]) for name, shop in shops.items()}
    for name, shop in shops.items():
        LATER[name].end(shop)
    for shop in shops.values():
        shop.wait()
    return {name: (shop, told[name]) for name, shop in shops.items()}


def check_told(told: Told, trouble: Trouble) -> None:
    assert trouble.words in told.message
    retried = trouble.reason in RETRIED
    assert told.conditions == ["Ready", "Reconciling" if retried else "Stalled"]


@pytest.mark.parametrize("name", AT_FIRST)
def test_a_first_sync_that_failed_is_made_when_its_trouble_is_over(
    at_first: dict[str, tuple[Synced, Told]], name: str
) -> None:
    shop, told = at_first[name]
    check_told(told, AT_FIRST[name])
    assert shop.arguments() == {"REPLICAS": "2", "COLOUR": "red"}
    assert shop.subjects() == ["Begin"]


@pytest.mark.parametrize("name", LATER)
def test_an_edit_made_in_trouble_is_committed_once_when_it_is_over(
    later: dict[str, tuple[Synced, Told]], name: str
) -> None:
    shop, told = later[name]
    check_told(told, LATER[name])
    shop.wait_file(BOTH)
    shop.wait_arguments(REPLICAS="5", COLOUR="blue")
    shop.look_now()
    assert shop.subjects().count(f"Update {name}") == 1
    assert shop.subjects()[-1] == "Begin"
    shop.wait_settled()


def test_a_push_whose_answer_was_lost_is_one_commit(servers: Callable[[str], Scene]) -> None:
    scene = servers("answer-lost")
    shop = prepare(scene, "answer-lost")
    attach(scene, shop.name, shop.name)
    scene.git.lose_answer_of_push()
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    shop.wait()
    shop.look_now()
    assert shop.subjects() == ["Update answer-lost", "Begin"]
    shop.wait_settled()
