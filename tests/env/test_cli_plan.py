"""`ebbflow plan`, `render` and `history` on a real API server: both directions, and the past."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.env.conftest import Shared
from tests.support.command_line import CommandLine
from tests.support.ran import JsonObject, Source, config_map, deployer, source, steps_document
from tests.support.synced import SHOP, link
from tests.support.waiting import eventually

HTTP = "--allow-insecure-http"


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


@pytest.fixture
def ebbflow(shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return CommandLine(shared.kubectl.cluster.kubeconfig, shared.namespace)


def made(shared: Shared, robot: str, name: str, *steps: JsonObject, **arguments: object) -> Source:
    document = steps_document(*steps, arguments=arguments)
    return source(shared.kubectl, shared.namespace, name, document, serviceAccountName=robot)


def test_a_run_is_planned_as_created_and_changed_field_by_field(
    shared: Shared, robot: str, ebbflow: CommandLine
) -> None:
    shop = made(
        shared,
        robot,
        "shop",
        config_map("shop-a", v="${args.V}"),
        config_map("shop-b", v="1"),
        V="1",
    )
    planned = ebbflow("plan", "shop", code=1)
    assert planned.lines[0] == (
        "A run    2 to create, 0 to change, 0 to delete, 0 as they should be"
    )
    assert any(line.startswith("  + ") and "shop-a" in line for line in planned.lines)
    eventually(lambda: shop.runs() == [], 10, "the dry run to go")

    ebbflow("run", "shop", "--wait")
    assert ebbflow("plan", "shop").lines[-1] == "No differences"

    changed = ebbflow("plan", "shop", "--arg", "V=2", code=1)
    assert "      data.v   1 → 2" in changed.lines
    assert "0 to create, 1 to change, 0 to delete, 1 as they should be" in changed.lines[0]


def test_what_is_known_after_the_run_is_said_and_the_plan_goes_on(
    shared: Shared, robot: str, ebbflow: CommandLine
) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "later-db"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }
    service = {"kind": "Manifest", "ref": "db", "spec": {"manifest": manifest, "wait": False}}
    seen = config_map("later-seen", ip="${refs.db.status.loadBalancer.ingress.0.ip}", v="1")
    asked = {**config_map("later-asked", v="1"), "when": "refs.db.status.loadBalancer.ready"}
    made(shared, robot, "later", service, seen, asked)
    planned = ebbflow("plan", "later", code=1)
    assert planned.lines[0].startswith("A run    3 to create")
    assert "      data.ip   (known after the run)" in planned.lines
    assert any("node 2: whether it runs is (known after the run)" in one for one in planned.lines)


def test_a_plan_can_be_kept_and_shown_again(
    shared: Shared, robot: str, ebbflow: CommandLine
) -> None:
    kept = made(shared, robot, "kept", config_map("kept", v="1"))
    first = ebbflow("plan", "kept", "--keep", code=1)
    (run,) = kept.runs()
    assert run["spec"]["dryRun"] is True
    assert ebbflow("plan", run["metadata"]["name"], code=1).out == first.out
    assert "2" in str(ebbflow("plan", "no-such", code=2).code)


def test_a_dry_run_that_fails_is_trouble(shared: Shared, robot: str, ebbflow: CommandLine) -> None:
    broken = config_map("broken", v="1")
    broken["spec"]["manifest"]["metadata"]["name"] = "No_Name"
    made(shared, robot, "broken", broken)
    failed = ebbflow("plan", "broken", code=2)
    assert "No_Name" in failed.err


def test_a_dry_run_that_nobody_looks_at_is_trouble_too(
    shared: Shared, ebbflow: CommandLine
) -> None:
    # No operator of these tests serves this namespace.
    source(shared.kubectl, "default", "unserved", steps_document(config_map("unserved", v="1")))
    said = ebbflow("plan", "unserved", "--timeout", "1s", namespace="default", code=2)
    assert "did not end within 1 s" in said.err
    assert "does it serve this namespace?" in said.err
    shared.kubectl.delete("Template", "unserved", "default")


def test_in_step_there_is_nothing_to_sync(shared: Shared, ebbflow: CommandLine) -> None:
    link(shared, "instep")
    said = ebbflow("plan", "instep", "--only", "sync", HTTP)
    assert said.lines[1:] == ["         in step", "No differences"]


def test_what_git_has_and_the_cluster_has_not_is_shown(
    shared: Shared, ebbflow: CommandLine
) -> None:
    shop = link(shared, "ahead", suspend=False)
    shop.patch(suspend=True)
    commit = shop.push(SHOP.replace(b"red", b"blue"))
    said = ebbflow("plan", "ahead", "--only", "sync", HTTP, code=1)
    assert said.lines[0].endswith(f"at {commit[:7]}")
    assert said.lines[1:] == [
        "Git → cluster: 1 field of spec.document would change",
        "    arguments.COLOUR   red → blue",
    ]
    shop.edit(REPLICAS="9")
    both = ebbflow("plan", "ahead", "--only", "sync", HTTP, "-o", "json", code=1).json()["sync"]
    assert both["gitToCluster"] == [{"path": "arguments.COLOUR", "from": "red", "to": "blue"}]
    assert both["clusterToGit"] == [{"path": "arguments.REPLICAS", "from": "2", "to": "9"}]
    shop.edit(COLOUR="green")
    conflict = ebbflow("plan", "ahead", "--only", "sync", HTTP, code=1)
    assert any(line.startswith("Blocked  ") for line in conflict.lines)
    assert "      git      blue" in conflict.lines


def test_a_file_of_ours_can_stand_in_for_the_one_in_git(
    shared: Shared, ebbflow: CommandLine, tmp_path: Path
) -> None:
    link(shared, "mine")
    file = tmp_path / "mine.yaml"
    file.write_bytes(SHOP)
    assert ebbflow("plan", "mine", "--file", str(file)).lines[-1] == "No differences"
    file.write_bytes(SHOP.replace(b"red", b"blue"))
    said = ebbflow("plan", "mine", "--file", str(file), code=1)
    assert "    arguments.COLOUR   red → blue" in said.lines


def test_a_repository_that_may_not_be_read_is_trouble_and_names_no_credential(
    shared: Shared, ebbflow: CommandLine
) -> None:
    link(shared, "plain")
    said = ebbflow("plan", "plain", "--only", "sync", code=2)
    first, _, last = said.err.splitlines()
    assert first == "ebbflow: Git cannot be read"
    assert "give --allow-insecure-http" in last
    assert shared.canary.value not in said.err


def test_history_tells_who_when_which_commit_and_which_runs(
    shared: Shared, robot: str, ebbflow: CommandLine
) -> None:
    past = made(shared, robot, "past", config_map("past", v="${args.V}"), V="1")
    first = ebbflow("run", "past", "--wait").out.strip()
    shared.kubectl.patch(
        *("Template", "past", shared.namespace), {"spec": {"document": {"arguments": {"V": "2"}}}}
    )
    second = ebbflow("run", "past", "--wait").out.strip()
    listed = ebbflow("history", "past", "-o", "json").json()
    by_run = {one["runs"][0]["name"]: one for one in listed}
    assert set(by_run) == {first, second}
    assert by_run[second]["current"] is True
    assert by_run[first]["current"] is False
    assert past.run(second)["status"]["documentRef"]["name"] == by_run[second]["controllerRevision"]
    table = ebbflow("history", "past").lines
    assert table[0].split() == ["REVISION", "WHEN", "BY", "COMMIT", "RUNS", "CHANGED"]
    assert any("(now)" in line and f"{second} Succeeded" in line for line in table)
    revision = by_run[first]["revision"]
    old = ebbflow("history", "past", "--show", revision, "-o", "json").json()
    assert old["arguments"] == {"V": "1"}
    assert "lists them" in ebbflow("history", "past", "--show", "nothing", code=1).err


def test_render_takes_the_overrides_of_a_template_and_masks_secrets(
    shared: Shared, robot: str, ebbflow: CommandLine
) -> None:
    reference = {"secretKeyRef": {"name": "any", "key": "k"}}
    source(
        shared.kubectl,
        shared.namespace,
        "shown",
        steps_document(
            config_map("${args.NAME}", key="${args.KEY}"), arguments={"NAME": "a", "KEY": ""}
        ),
        argumentOverrides=[
            {"name": "NAME", "value": "overridden"},
            {"name": "KEY", "valueFrom": reference},
        ],
    )
    shown = ebbflow("render", "shown", "-o", "json").json()
    manifest = shown["spec"]["spec"]["steps"][0]["spec"]["manifest"]
    assert manifest["metadata"]["name"] == "overridden"
    assert manifest["data"] == {"key": "(secret)"}
    given = ebbflow("render", "shown", "--arg", "NAME=given", "-o", "json").json()
    assert given["arguments"] == {"NAME": "given", "KEY": "(secret)"}
