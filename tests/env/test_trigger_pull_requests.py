"""Pull requests of a real Gitea start runs by the real operator: each commit that may, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from ebbflow.api.gittrigger import APPROVE_FORK
from tests.support.builders import git_account, secret
from tests.support.canary import Canary, CanarySearch
from tests.support.gitea.program import BUILD_SECONDS
from tests.support.gitea.server import ROBOT, GiteaServer, GiteaWorld
from tests.support.hooked import SLOW_FLAGS, provider_of
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.ran import deployer
from tests.support.triggered import SOON, Following, follow
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(BUILD_SECONDS)

ACCOUNT = "gitea"
TOLD = ("pullRequestId", "branch", "sha", "baseBranch", "title", "labels", "author")


@dataclass(frozen=True)
class Forge:
    """A repository of a Gitea, what people do there, and triggers on it."""

    kubectl: Kubectl
    namespace: str
    world: GiteaWorld
    do: Callable[[Coroutine[Any, Any, Any]], Any]

    def follow(
        self,
        name: str,
        type_: str = "PullRequest",
        told: Iterable[str] = TOLD,
        **spec: Any,
    ) -> Following:
        """Make a trigger, which has looked."""
        place = {"accountRef": {"name": ACCOUNT}, "repository": self.world.repository}
        robot = deployer(self.kubectl, self.namespace)
        return follow(
            self.kubectl, self.namespace, name, place, told, robot=robot, type=type_, **spec
        )


@pytest.fixture
def forge(
    kubectl: Kubectl, namespace: str, gitea: GiteaServer, canary_search: CanarySearch
) -> Iterator[Forge]:
    token = gitea.token(ROBOT)
    canary_search.add(Canary(token))
    login = secret(ACCOUNT).within(namespace).for_hosts("127.0.0.1").with_values(token=token)
    kubectl.apply(login.build())
    account = git_account(ACCOUNT, "Gitea").within(namespace).using(ACCOUNT).spec(url=gitea.url)
    kubectl.apply(account.build())
    with asyncio.Runner() as runner:
        session = runner.run(open_session())
        world = gitea.make_world(session)
        runner.run(world.create())
        yield Forge(kubectl, namespace, world, runner.run)
        runner.run(session.close())


async def open_session() -> aiohttp.ClientSession:
    # Between two steps of a test nobody would notice that the server closed a connection.
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))


def held_for(trigger: Following, commit: str, reason: str) -> None:
    """Wait until the commit has its verdict: that it waits, and for what."""
    verdict = trigger.verdict_on(commit)
    assert (verdict["verdict"], verdict["reason"]) == ("Ignored", reason)
    assert trigger.source.runs() == []


def the_run(trigger: Following) -> dict[str, Any]:
    """Wait for the only Run that the trigger started, and for its success."""
    eventually(trigger.source.runs, SOON, f"{trigger.name} to start a run")
    (run,) = trigger.source.runs()
    return trigger.source.wait_end(run["metadata"]["name"])


def test_a_pull_request_starts_a_run_and_each_commit_of_it_one_more(
    forge: Forge, operators: Operators
) -> None:
    operators()
    shop = forge.follow("shop", branches=["feature/*"])
    other = forge.do(forge.world.open_pull("other"))
    pull = forge.do(forge.world.open_pull("feature/login"))
    trigger = shop.run_for(pull.head_sha)["status"]["trigger"]
    assert (trigger["type"], trigger["commit"]) == ("PullRequest", pull.head_sha)
    assert shop.told() == {
        "pullRequestId": str(pull.id),
        "branch": "feature/login",
        "sha": pull.head_sha,
        "baseBranch": "main",
        "title": "Change feature/login",
        "labels": "",
        "author": ROBOT,
    }
    commit = forge.do(forge.world.push_to(pull))
    shop.run_for(commit)
    assert shop.told()["sha"] == commit
    assert shop.verdict_on(other.head_sha)["reason"] == "BranchNotMatched"
    assert {one["ref"] for one in shop.deliveries()} == {f"pull/{pull.id}", f"pull/{other.id}"}
    assert len(shop.source.runs()) == 2


def test_a_draft_starts_none_until_it_is_ready(forge: Forge, operators: Operators) -> None:
    operators()
    shop = forge.follow("shop", branches=["*"], ignoreDrafts=True)
    pull = forge.do(forge.world.open_pull("unfinished", draft=True))
    held_for(shop, pull.head_sha, "Draft")
    forge.do(forge.world.make_ready(pull))
    assert the_run(shop)["status"]["trigger"]["commit"] == pull.head_sha
    assert shop.told()["title"] == "unfinished"


def test_a_label_starts_the_run_that_waits_for_it(forge: Forge, operators: Operators) -> None:
    operators()
    shop = forge.follow("shop", "PullRequestLabel", labels=["preview*"])
    pull = forge.do(forge.world.open_pull("feature"))
    held_for(shop, pull.head_sha, "LabelNotMatched")
    forge.do(forge.world.label(pull, "preview: eu"))
    assert the_run(shop)["status"]["trigger"]["type"] == "PullRequestLabel"
    assert shop.told()["labels"] == "preview: eu"
    shop.run_for(forge.do(forge.world.push_to(pull)))
    assert len(shop.source.runs()) == 2


def test_a_commit_of_a_fork_starts_none_until_that_very_one_is_approved(
    forge: Forge, operators: Operators
) -> None:
    operators()
    shop = forge.follow("shop", branches=["*"])
    pull = forge.do(forge.world.open_pull("feature", fork=True))
    held_for(shop, pull.head_sha, "ForkNotApproved")
    note = {"metadata": {"annotations": {APPROVE_FORK: pull.head_sha}}}
    forge.kubectl.patch("GitTrigger", "shop", forge.namespace, note)
    assert the_run(shop)["status"]["trigger"]["commit"] == pull.head_sha
    later = shop.verdict_on(forge.do(forge.world.push_to(pull)))
    assert (later["verdict"], later["reason"]) == ("Ignored", "ForkNotApproved")
    assert len(shop.source.runs()) == 1


def test_what_gitea_itself_delivers_has_the_operator_look_at_once(
    forge: Forge, operators: Operators
) -> None:
    operator = operators(*SLOW_FLAGS)
    pushed = forge.follow("pushed", "Push", ["branch"], branches=["main"], interval="10m")
    shop = forge.follow("shop", branches=["feature"], interval="10m")
    hook = provider_of(forge.kubectl, operator, forge.namespace, ACCOUNT)
    forge.do(forge.world.add_webhook(f"http://{hook.place}{hook.path}", hook.secret))
    pull = forge.do(forge.world.open_pull("feature"))
    shop.run_for(pull.head_sha)
    commit = forge.do(forge.world.push_to(pull))
    shop.run_for(commit)
    assert {one["source"] for one in shop.deliveries()} == {"Webhook"}
    assert pushed.source.runs() == []
    merged = forge.do(forge.world.push("main"))
    pushed.run_for(merged)
    assert pushed.verdict_on(merged)["source"] == "Webhook"
