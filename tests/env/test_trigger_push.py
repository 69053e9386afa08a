"""A push that matters starts a run, once, and every push has a verdict with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.env.conftest import Shared
from tests.support.ran import deployer
from tests.support.triggered import Triggered, trigger_of


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


def made(shared: Shared, robot: str, name: str, **spec: Any) -> Triggered:
    return trigger_of(
        shared.kubectl, shared.git, shared.namespace, name, shared.account, robot=robot, **spec
    )


def test_a_push_to_main_starts_a_run_that_knows_it(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "push-main")
    assert shop.deliveries() == []
    commit = shop.push({"app.py": b"print(1)\n"}, "Say one")
    run = shop.run_for(commit)
    told = shared.kubectl.get("ConfigMap", "push-main-told", shared.namespace)["data"]
    assert told == {
        "branch": "main",
        "sha": commit,
        "message": "Say one\n",
        "author": "Ann Example",
        "tag": "",
        "repoUrl": shared.git.url_of("push-main"),
    }
    trigger = run["status"]["trigger"]
    assert trigger | {"delivery": ""} == {
        "type": "Push",
        "commit": commit,
        "ref": "refs/heads/main",
        "actor": "Ann Example",
        "delivery": "",
    }


def test_what_does_not_matter_is_recorded_with_its_reason(shared: Shared, robot: str) -> None:
    rules = {"paths": {"patterns": ["docs/", "*.md", "!docs/api.md"]}}
    flags = {"ignoreFlags": {"enabled": True}}
    shop = made(shared, robot, "push-ignored", **rules, **flags)
    docs = shop.verdict_on(shop.push({"docs/x.txt": b"1\n", "a.md": b"1\n"}))
    assert (docs["verdict"], docs["reason"]) == ("Ignored", "PathsNotMatched")
    assert "docs/x.txt" in docs["message"]
    flagged = shop.verdict_on(shop.push({"app.py": b"1\n"}, "Tidy [skip ci]"))
    assert (flagged["verdict"], flagged["reason"]) == ("Ignored", "IgnoreFlag")
    assert shop.run_for(shop.push({"docs/api.md": b"1\n"}))
    assert len(shop.source.runs()) == 1
