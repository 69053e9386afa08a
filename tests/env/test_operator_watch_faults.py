"""Whatever ends a watch, the operator takes it up again: it is never deaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import GIT_USER, Evidence, fresh_namespace, link_account
from tests.support.apifaults import Answer, matching
from tests.support.apiproxy import ApiProxy
from tests.support.canary import Canary, CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.hearing import assert_hears_both_sides
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, Synced, link
from tests.support.waiting import eventually

TEMPLATES = matching(resource="templates")
RECONNECTION_SECONDS = 20.0
Break = Callable[[ApiProxy], object]


class Watched:
    """A Template in step, and the proxy through which its operator watches."""

    def __init__(self, shop: Synced, proxy: ApiProxy, operator: OperatorProcess) -> None:
        self.shop = shop
        self.proxy = proxy
        self.operator = operator

    def wait_watching(self, since: int) -> None:
        """Wait until a watch of the Templates that was asked for after the mark is open."""

        def watching() -> bool:
            return any(w.request.number > since for w in self.proxy.watches(TEMPLATES))

        eventually(watching, RECONNECTION_SECONDS, "the Templates to be watched again")


@pytest.fixture(scope="module")
def watched(
    cluster: ControlPlane,
    kubectl: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
    process_group: int,
    rbac_usage: None,
) -> Iterator[Watched]:
    """One operator behind a proxy for the whole file: each test breaks it, and it recovers."""
    del rbac_usage
    directory, canary, search = (
        tmp_path_factory.mktemp("watched"),
        Canary.generate(),
        CanarySearch(),
    )
    search.add(canary)
    (directory / "git").mkdir()
    with (
        FaultyGitServer(directory / "git", username=GIT_USER, password=canary.value) as git,
        ApiProxy.to(cluster.kubeconfig) as proxy,
        fresh_namespace(kubectl, "watch faults", search) as namespace,
        Operators(cluster, directory, [namespace], search, process_group) as operators,
    ):
        account = link_account(kubectl, namespace, canary)
        operator = operators("--lease-duration=60s", through=proxy)
        yield Watched(link(Scene(kubectl, git, namespace, account), "shop"), proxy, operator)
    search.verify()


@pytest.fixture(autouse=True)
def _recovery(watched: Watched, evidence: Evidence) -> Iterator[None]:
    evidence.append(("the operator's log", watched.operator.tail))
    evidence.append(("requests through the API proxy", watched.proxy.trace))
    yield
    watched.proxy.heal()
    watched.operator.wait_ready()


def inject(code: int) -> Break:
    return lambda proxy: proxy.inject_error(code, TEMPLATES)


def refuse_watch(code: int) -> Break:
    def act(proxy: ApiProxy) -> None:
        proxy.before(matching(resource="templates", verb="watch"), Answer(code), times=1)
        proxy.end_watches(TEMPLATES)

    return act


def refuse_list(code: int) -> Break:
    def act(proxy: ApiProxy) -> None:
        proxy.before(matching(resource="templates", verb="list"), Answer(code), times=1)
        # Only a watch that is refused is followed by a list.
        refuse_watch(410)(proxy)

    return act


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(inject(410), id="in-stream error 410"),
        pytest.param(inject(500), id="in-stream error 500"),
        pytest.param(refuse_watch(410), id="410 to the watch"),
        pytest.param(refuse_list(410), id="410 to the list"),
        pytest.param(refuse_list(500), id="500 to the list"),
        pytest.param(ApiProxy.end_watches, id="streams that end"),
        pytest.param(ApiProxy.cut_watches, id="connections that are reset"),
    ],
)
def test_a_broken_watch_is_taken_up_again(watched: Watched, act: Break) -> None:
    mark = watched.proxy.mark()
    act(watched.proxy)
    watched.wait_watching(mark)
    assert_hears_both_sides(watched.shop)
    assert watched.operator.running


def test_an_edit_whose_event_is_lost_with_its_stream_is_committed(watched: Watched) -> None:
    mark = watched.proxy.mark()
    with watched.proxy.hold_watches(TEMPLATES):
        watched.shop.edit(COLOUR="lost")
        watched.proxy.inject_error(500, TEMPLATES)
        watched.wait_watching(mark)
    eventually(lambda: b"COLOUR: lost" in watched.shop.file(), 20, "the edit to become a commit")


def test_pushes_arrive_while_a_stream_is_silent_and_a_held_edit_follows(watched: Watched) -> None:
    with watched.proxy.hold_watches(TEMPLATES):
        watched.shop.push(SHOP)
        watched.shop.wait_arguments(REPLICAS="2", COLOUR="red")
        watched.shop.edit(COLOUR="held")
    watched.shop.wait_file(SHOP.replace(b"red", b"held"))


def test_readiness_names_a_watch_that_cannot_be_taken_up(watched: Watched) -> None:
    mark = watched.proxy.mark()
    refusal = watched.proxy.before(matching(resource="templates"), Answer(500))
    watched.proxy.end_watches(TEMPLATES)
    path = f"/apis/ebbflow.dev/v1alpha1/namespaces/{watched.shop.world.namespace}/templates"
    eventually(
        lambda: f"{path} is not being watched" in watched.operator.ready_text(), 20, "the sentence"
    )
    refusal.remove()
    watched.wait_watching(mark)
    assert_hears_both_sides(watched.shop)


def test_the_log_says_why_watches_were_started_again_in_sentences(watched: Watched) -> None:
    mark = watched.proxy.mark()
    inject(500)(watched.proxy)
    watched.wait_watching(mark)
    again = [r for r in watched.operator.records() if "starting them again" in r["msg"]]
    assert "injected by the test" in again[-1]["msg"]
    assert [r for r in watched.operator.records() if "exc_info" in r] == []
