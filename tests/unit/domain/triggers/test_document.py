"""The triggers of a document, in our form and in both of Northflank's."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ebbflow.api.template import Template
from ebbflow.domain.triggers.document import Expanded, expand

URL = "https://github.com/acme/shop"
ACCOUNT = {"name": "acme"}
TARGETS = [{"kind": "Template", "name": "shop"}]


def expanded(*triggers: Any, name: str = "shop") -> Expanded:
    git = {"accountRef": ACCOUNT, "repository": URL, "branch": "main", "path": "shop.yaml"}
    spec = {"git": git, "document": {"apiVersion": "v1.2", "triggers": list(triggers)}}
    return expand(Template.parse({"metadata": {"name": name, "uid": "1"}, "spec": spec}))


VCS = {"vcs": {"vcsService": "github", "repoUrl": URL}}
GIT = {"repository": URL, "accountRef": ACCOUNT}


@pytest.mark.parametrize(
    ("trigger", "name", "spec"),
    [
        pytest.param(
            {
                "kind": "GitTrigger",
                "ref": "app",
                "spec": {"type": "Push", "git": GIT, "branches": ["main"]},
            },
            "shop-app-push",
            {"ref": "app", "type": "Push", "git": GIT, "branches": ["main"]},
            id="ours",
        ),
        pytest.param(
            {
                "kind": "vcs-push",
                "ref": "backend",
                "spec": {
                    **VCS,
                    "branchNamePatterns": ["main"],
                    "commitMessageFlags": {"enabled": True, "flags": ["[skip]"]},
                    "filePaths": {"enabled": True, "allowList": True, "paths": ["src/"]},
                },
            },
            "shop-backend-push",
            {
                "type": "Push",
                "ref": "backend",
                "git": GIT,
                "branches": ["main"],
                "ignoreFlags": {"enabled": True, "flags": ["[skip]"]},
                "paths": {"mode": "Allow", "patterns": ["src/"]},
            },
            id="a push",
        ),
        pytest.param(
            {
                "kind": "vcs-pr-label",
                "ref": "pr",
                "spec": {
                    **VCS,
                    "labelNamePatterns": ["preview"],
                    "branchNamePatterns": {"enabled": False, "names": ["x"]},
                    "ignoreDrafts": True,
                },
            },
            "shop-pr-pullrequestlabel",
            {
                "type": "PullRequestLabel",
                "ref": "pr",
                "git": GIT,
                "branches": [],
                "labels": ["preview"],
                "ignoreDrafts": True,
            },
            id="a label",
        ),
        pytest.param(
            {"kind": "cron", "spec": {"cron": "0 3 * * *"}},
            "shop-trigger-schedule",
            {"type": "Schedule", "ref": "trigger", "schedule": "0 3 * * *"},
            id="a schedule",
        ),
    ],
)
def test_a_trigger_becomes_a_git_trigger_of_the_template(
    trigger: object, name: str, spec: dict[str, Any]
) -> None:
    found = expanded(trigger)
    assert found.faults == ()
    assert [(one.name, one.spec) for one in found.wanted] == [(name, {**spec, "targets": TARGETS})]


def test_the_old_form_is_a_trigger_for_pushes_and_one_for_pull_requests() -> None:
    found = expanded(
        {
            "ref": "app",
            "repoUrl": URL,
            "branchRestrictions": ["main"],
            "prRestrictions": ["*"],
            "pathIgnoreRules": ["*.md"],
            "isAllowList": False,
            "ciIgnoreFlagsEnabled": True,
            "manualOnly": True,
        }
    )
    assert [one.name for one in found.wanted] == ["shop-app-push", "shop-app-pullrequest"]
    assert found.wanted[0].spec["paths"] == {"mode": "Ignore", "patterns": ["*.md"]}
    flags = found.wanted[0].spec["ignoreFlags"]["flags"]
    assert {"[skip ci]", "[no ci]", "[skip nf]", "[northflank skip]", "[skip ebbflow]"} < set(flags)
    assert found.wanted[0].spec["paused"] is True


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        pytest.param("push", "must be an object", id="a text"),
        pytest.param({"kind": "webhook", "spec": {"token": "x"}}, "holds no keys", id="a key"),
        pytest.param({"kind": "vcs-push", "spec": {}}, "name the repository", id="no repository"),
        pytest.param(
            {"kind": "vcs-push", "spec": {"vcs": URL}}, "vcs: must be", id="a text for vcs"
        ),
        pytest.param(
            {"kind": "vcs-push", "spec": {**VCS, "commitMessageFlags": ["[x]"]}},
            "commitMessageFlags: must be",
            id="a list for flags",
        ),
        pytest.param({"kind": "vcs-push", "ref": 5, "spec": VCS}, "ref", id="a number for a ref"),
        pytest.param({"repoUrl": URL, "prRestrictions": 5}, "branches", id="a number for branches"),
        pytest.param({"kind": "vcs-check-suite", "spec": {}}, "no triggers of kind", id="unknown"),
        pytest.param({"kind": "cron", "spec": {"cron": "often"}}, "schedule", id="no schedule"),
    ],
)
def test_what_cannot_be_had_is_told_with_its_place(trigger: object, words: str) -> None:
    found = expanded({"kind": "cron", "spec": {"cron": "0 3 * * *"}}, trigger)
    assert len(found.wanted) == 1
    (fault,) = found.faults
    assert fault.startswith("triggers[1]: ")
    assert words in fault


def test_flags_that_are_not_enabled_do_not_count() -> None:
    flags = {"commitMessageFlags": {"enabled": False, "flags": ["[skip]"]}}
    spec = {**VCS, "branchNamePatterns": ["main"], **flags}
    (found,) = expanded({"kind": "vcs-push", "spec": spec}).wanted
    assert "ignoreFlags" not in found.spec


def test_several_triggers_may_share_a_ref() -> None:
    def push(*branches: str) -> dict[str, Any]:
        spec = {"type": "Push", "git": GIT, "branches": list(branches)}
        return {"kind": "GitTrigger", "ref": "app", "spec": spec}

    found = expanded(push("main"), push("stage"), push("test"))
    assert [(one.name, one.spec["branches"]) for one in found.wanted] == [
        ("shop-app-push", ["main"]),
        ("shop-app-push-2", ["stage"]),
        ("shop-app-push-3", ["test"]),
    ]


def test_names_fit_whatever_the_template_is_called() -> None:
    found = expanded(
        {"kind": "cron", "ref": "My_Ref", "spec": {"cron": "0 3 * * *"}}, name="s" * 52
    )
    assert len(found.wanted[0].name) == 52
    assert found.wanted[0].name.endswith("-my-ref-schedule")


@pytest.mark.parametrize("name", ["shop", "s" * 52])
def test_names_fit_and_differ_whatever_the_refs_are(name: str) -> None:
    cron = {"kind": "cron", "spec": {"cron": "0 3 * * *"}}
    refs = ["r" * 63, "r" * 62 + "x", "R" * 63, "$_$"]
    found = expanded(*({**cron, "ref": ref} for ref in refs), name=name)
    assert found.faults == ()
    names = [one.name for one in found.wanted]
    assert len(set(names)) == len(refs)
    for one in names:
        assert len(one) <= 52
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", one)
