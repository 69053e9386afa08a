"""A push that matters starts a run, once, and every push has a verdict with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.env.conftest import Shared
from tests.support.gitworld import tag
from tests.support.ran import config_map, deployer, source, steps_document
from tests.support.triggered import SOON, Triggered, trigger_of
from tests.support.waiting import eventually


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
    aside = shop.verdict_on(shop.push({"app.py": b"2\n"}, branch="stage"))
    assert (aside["verdict"], aside["reason"]) == ("Ignored", "BranchNotMatched")
    assert shop.run_for(shop.push({"docs/api.md": b"1\n"}))
    assert len(shop.source.runs()) == 1


def test_every_ref_of_a_push_is_a_move_and_starts_a_run(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "push-many", branches=["release/*", "feature/*"])
    names = ("release/1", "release/1.1", "feature/#7-ä;$(x)")
    commits = [shop.push({"v": name.encode()}, branch=name) for name in names]
    refs = {shop.run_for(commit)["status"]["trigger"]["ref"] for commit in commits}
    assert refs == {f"refs/heads/{name}" for name in names}
    shop.push({"v": b"main\n"})
    shop.bare.point("release/1", None)
    gone = eventually(
        lambda: [d for d in shop.deliveries() if d["reason"] == "RefDeleted"], SOON, "the deletion"
    )
    assert [one["ref"] for one in gone] == ["refs/heads/release/1"]
    assert len(shop.source.runs()) == 3


def test_a_forced_push_and_a_way_back_start_a_run_each(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "push-forced")
    root = shop.bare.head("main")
    first = shop.push({"a": b"1\n"}, "First")
    shop.run_for(first)
    shop.bare.point("side", root)
    second = shop.push({"a": b"2\n"}, "Second", branch="side")
    shop.bare.point("main", second)
    shop.run_for(second)
    shop.bare.point("main", first)
    eventually(lambda: len(shop.source.runs()) == 3, SOON, "the way back to start a run")
    main = [one for one in shop.deliveries() if one["ref"] == "refs/heads/main"]
    assert [one["after"] for one in main] == [first, second, first]


def test_a_tag_starts_a_run_with_the_commit_that_it_names(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "push-tag", type="Tag", branches=None, tags=["v*"])
    commit = shop.push({"a": b"1\n"}, "Release")
    tag(shop.bare, "v1.0", commit, "The first release")
    shop.run_for(commit)
    told = shared.kubectl.get("ConfigMap", "push-tag-told", shared.namespace)["data"]
    assert (told["tag"], told["sha"], told["branch"]) == ("v1.0", commit, "")


def test_while_paused_pushes_are_recorded_and_start_nothing_later(
    shared: Shared, robot: str
) -> None:
    shop = made(shared, robot, "push-paused", paused=True, pausedReason="the freeze")
    verdict = shop.verdict_on(shop.push({"a": b"1\n"}))
    assert (verdict["verdict"], verdict["reason"]) == ("Ignored", "TriggerPaused")
    assert "the freeze" in verdict["message"]
    shop.edit(paused=False)
    shop.run_for(shop.push({"a": b"2\n"}))
    assert len(shop.source.runs()) == 1


def test_a_run_by_hand_goes_on_while_the_target_is_paused(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "push-target", template={"options": {"paused": True}})
    verdict = shop.verdict_on(shop.push({"a": b"1\n"}))
    assert (verdict["verdict"], verdict["reason"]) == ("Ignored", "TargetPaused")


def test_a_push_of_five_thousand_files_is_judged(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "push-large", paths={"mode": "Allow", "patterns": ["d7/f4907"]})
    shop.run_for(shop.push({f"d{n % 50}/f{n}": b"1\n" for n in range(5000)}, "Import"))


def test_verdicts_are_counted(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "push-counted")
    shop.run_for(shop.push({"a": b"1\n"}))

    def counted() -> bool:
        labels = {"type": "Push", "verdict": "Fired", "reason": "RulesMet"}
        return shared.operator.metric("ebbflow_trigger_verdicts_total", **labels) >= 1

    eventually(counted, SOON, "the verdict to be counted")


def test_triggers_of_a_document_are_made_and_go_with_it(shared: Shared, robot: str) -> None:
    kubectl, namespace = shared.kubectl, shared.namespace
    git = {"accountRef": {"name": shared.account}, "repository": shared.git.url_of("push-inner")}
    shared.git.create_repository("push-inner", {"README.md": b"# Shop\n"})
    inner = {"kind": "GitTrigger", "ref": "app", "spec": {"type": "Push", "git": git}}

    def document(*branches: str) -> dict[str, Any]:
        spec = {**inner["spec"], "branches": list(branches)}  # type: ignore[dict-item] # an object
        return steps_document(
            config_map("push-inner-cm", v="1"), triggers=[{**inner, "spec": spec}]
        )

    shop = source(kubectl, namespace, "push-inner", document("main"), serviceAccountName=robot)
    name = "push-inner-app-push"
    eventually(lambda: kubectl.find("GitTrigger", name, namespace), SOON, "the trigger to be made")
    kubectl.wait_condition("GitTrigger", name, namespace, "Ready", "True")
    shared.git.commit("push-inner", {"a": b"1\n"})
    eventually(shop.runs, SOON, "the push to start a run")

    kubectl.patch("Template", "push-inner", namespace, {"spec": {"document": document("stage")}})

    def follows_stage() -> bool:
        return kubectl.get("GitTrigger", name, namespace)["spec"]["branches"] == ["stage"]

    eventually(follows_stage, SOON, "the trigger to be changed")
    without = {"triggers": None}
    kubectl.patch("Template", "push-inner", namespace, {"spec": {"document": without}})
    eventually(
        lambda: kubectl.find("GitTrigger", name, namespace) is None, SOON, "the trigger to go"
    )
