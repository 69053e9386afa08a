"""What triggers decided, and pausing them, from the command line."""

from __future__ import annotations

import pytest

from tests.env.conftest import Shared
from tests.support.command_line import CommandLine
from tests.support.ran import deployer
from tests.support.triggered import Triggered, trigger_of


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


@pytest.fixture
def ebbflow(shared: Shared) -> CommandLine:
    return CommandLine(shared.kubectl.cluster.kubeconfig, shared.namespace)


def made(shared: Shared, robot: str, name: str, **spec: object) -> Triggered:
    return trigger_of(
        shared.kubectl, shared.git, shared.namespace, name, shared.account, robot=robot, **spec
    )


def test_why_tells_what_came_of_a_commit(shared: Shared, robot: str, ebbflow: CommandLine) -> None:
    shop = made(shared, robot, "why", paths={"patterns": ["docs/"]})
    ignored = shop.push({"docs/a": b"1\n"})
    shop.verdict_on(ignored)
    run = shop.run_for(shop.push({"app": b"1\n"}))
    shown = ebbflow("why", "why")
    assert run["metadata"]["name"] in shown.out
    about = ebbflow("why", "why", ignored[:8])
    assert "PathsNotMatched" in about.out
    assert "docs/a" in about.out
    assert "Fired" not in about.out
    as_json = ebbflow("why", "why", ignored, "-o", "json").json()
    assert [(one["trigger"], one["verdict"]) for one in as_json] == [("why", "Ignored")]


def test_why_nothing_was_decided_is_told_too(
    shared: Shared, robot: str, ebbflow: CommandLine
) -> None:
    shop = made(shared, robot, "why-not")
    head = shop.bare.head("main")
    assert head is not None
    first = ebbflow("why", "why-not", head, code=1)
    assert "when it first looked" in first.err
    unknown = ebbflow("why", "why-not", "0123abc", code=1)
    assert "follows main" in unknown.err
    missing = ebbflow("why", "nothing-of-this-name", code=1)
    assert "nothing-of-this-name" in missing.err


def test_a_trigger_is_paused_with_a_reason_and_resumed(
    shared: Shared, robot: str, ebbflow: CommandLine
) -> None:
    shop = made(shared, robot, "why-paused")
    ebbflow("pause", "why-paused", "--reason", "the freeze")
    shop.wait_ready()
    verdict = shop.verdict_on(shop.push({"a": b"1\n"}))
    assert (verdict["reason"], "the freeze" in verdict["message"]) == ("TriggerPaused", True)
    ebbflow("resume", "why-paused")
    shop.run_for(shop.push({"a": b"2\n"}))
    spec = shared.kubectl.get("GitTrigger", "why-paused", shared.namespace)["spec"]
    assert "pausedReason" not in spec
