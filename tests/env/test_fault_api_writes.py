"""The API server refuses our writes for a while, or their answers are lost: the edit is made once.

Each row is a Template with a rule of its own in one proxy before the API server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import GIT_USER, Evidence, fresh_namespace, link_account
from tests.support.apifaults import Answer, Call, Cut, Rule, matching
from tests.support.apiproxy import ApiProxy
from tests.support.canary import Canary, CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.invariants import assert_settled
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, Synced, link

BOTH = SHOP.replace(b'"2"', b'"5"').replace(b"red", b"blue")
BLUE = SHOP.replace(b"red", b"blue")
HITS = 3
RECOVERY_SECONDS = 40.0  # all rows recover at once, on a machine that may be busy
RETRY_AFTER = 2

AddRule = Callable[[ApiProxy, Synced], Rule]


def refuse(resource: str, code: int) -> AddRule:
    retry_after = RETRY_AFTER if code == 429 else None

    def add(proxy: ApiProxy, shop: Synced) -> Rule:
        match = matching(resource=resource, name=shop.name, writes=True)
        return proxy.before(match, Answer(code, retry_after=retry_after), times=HITS)

    return add


def lose_answers(resource: str) -> AddRule:
    def add(proxy: ApiProxy, shop: Synced) -> Rule:
        match = matching(resource=resource, name=shop.name, writes=True)
        return proxy.after(match, Cut(), times=HITS)

    return add


def be_faster(resource: str) -> AddRule:
    """Let somebody else write right before each of our writes: a real 409 where we compare."""

    def add(proxy: ApiProxy, shop: Synced) -> Rule:
        def write(number: object) -> None:
            place = shop.world.namespace
            shop.world.kubectl.annotate("Template", shop.name, place, rival=str(id(number)))

        match = matching(resource=resource, name=shop.name, writes=True)
        return proxy.before(match, Call(write), times=HITS)

    return add


RULES: dict[str, AddRule] = {
    f"{word}-{resource.replace('/', '-')}": rule
    for resource in ("templates", "templates/status")
    for word, rule in {
        "409-for": refuse(resource, 409),
        "429-for": refuse(resource, 429),
        "500-for": refuse(resource, 500),
        "503-for": refuse(resource, 503),
        "lost-answers-for": lose_answers(resource),
        "somebody-faster-for": be_faster(resource),
    }.items()
}


@dataclass(frozen=True)
class Disturbed:
    """What the rules did, and to whom."""

    proxy: ApiProxy
    shops: dict[str, Synced]
    rules: dict[str, Rule] = field(default_factory=dict)


@pytest.fixture(scope="module")
def disturbed(
    cluster: ControlPlane,
    kubectl: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
    process_group: int,
    rbac_usage: None,
) -> Iterator[Disturbed]:
    """Every row, edited on both sides at once while the API server is not willing."""
    del rbac_usage
    directory, canary, search = tmp_path_factory.mktemp("api"), Canary.generate(), CanarySearch()
    search.add(canary)
    (directory / "git").mkdir()
    with (
        FaultyGitServer(directory / "git", username=GIT_USER, password=canary.value) as git,
        ApiProxy.to(cluster.kubeconfig) as proxy,
        fresh_namespace(kubectl, "api writes", search) as namespace,
        Operators(cluster, directory, [namespace], search, process_group) as operators,
    ):
        scene = Scene(kubectl, git, namespace, link_account(kubectl, namespace, canary))
        operators("--lease-duration=60s", through=proxy)
        shops = {name: link(scene, name, ready=False) for name in RULES}
        for shop in shops.values():
            shop.wait()
        made = Disturbed(proxy, shops)
        for name, shop in shops.items():
            shop.patch(suspend=True)
            made.rules[name] = RULES[name](proxy, shop)
            shop.push(BLUE, "Blue")
            shop.patch(suspend=False, document={"arguments": {"REPLICAS": "5"}})
        yield made
        search.look_at_repositories(git.root)
    search.verify()


@pytest.fixture(autouse=True)
def _requests(disturbed: Disturbed, evidence: Evidence) -> None:
    evidence.append(("requests through the API proxy", disturbed.proxy.trace))


@pytest.mark.parametrize("name", RULES)
def test_edits_on_both_sides_are_carried_once_the_api_server_takes_writes_again(
    disturbed: Disturbed, name: str
) -> None:
    shop = disturbed.shops[name]
    shop.wait_file(BOTH, RECOVERY_SECONDS)
    shop.wait_arguments(REPLICAS="5", COLOUR="blue")
    shop.wait()
    assert_settled(shop, {"REPLICAS": "5"})
    assert shop.subjects() == [f"Update {name}", "Blue", "Begin"]
    assert disturbed.rules[name].fired >= 1


@pytest.mark.parametrize("resource", ["templates", "templates/status"])
def test_a_write_that_was_told_to_wait_waits_as_long_as_it_was_told(
    disturbed: Disturbed, resource: str
) -> None:
    name = f"429-for-{resource.replace('/', '-')}"
    shop = disturbed.shops[name]
    shop.wait_file(BOTH, RECOVERY_SECONDS)
    tried = disturbed.proxy.requests(matching(resource=resource, name=name, writes=True))
    refused = [index for index, request in enumerate(tried) if request.status == 429]
    assert refused
    for index in refused:
        assert tried[index + 1].at - tried[index].at >= RETRY_AFTER * 0.9
