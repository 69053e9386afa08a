"""Runs from the command line, on a real API server with a real operator."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from ebbflow.cli.commands import ebbflow as program
from tests.env.conftest import Shared
from tests.support.command_line import CommandLine
from tests.support.ran import JsonObject, Source, config_map, deployer, source, steps_document
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


@pytest.fixture
def ebbflow(shared: Shared) -> CommandLine:
    return CommandLine(shared.kubectl.cluster.kubeconfig, shared.namespace)


@pytest.fixture
def made(shared: Shared, robot: str) -> Made:
    return Made(shared, robot)


class Made:
    """Makes Templates that run as the robot."""

    def __init__(self, shared: Shared, robot: str) -> None:
        self._shared = shared
        self._robot = robot

    def __call__(self, name: str, *steps: JsonObject, **fields: object) -> Source:
        arguments = fields.pop("arguments", {})
        document = steps_document(*steps, arguments=arguments)
        kubectl, namespace = self._shared.kubectl, self._shared.namespace
        fields = {"serviceAccountName": self._robot, **fields}
        return source(kubectl, namespace, name, document, **fields)


def approval(ref: str, **spec: object) -> JsonObject:
    return {"kind": "Approval", "ref": ref, "spec": spec}


def waits_for(name: str, seconds: int) -> JsonObject:
    """A node that waits for a ConfigMap of this name."""
    target = {"kind": "ConfigMap", "name": name}
    return {
        "kind": "Condition",
        "ref": "there",
        "timeoutDuration": seconds,
        "spec": {"object": target, "until": "object.metadata.name != ''"},
    }


def wait_waiting(run: Source, name: str) -> None:
    run.wait_phase(name, "Waiting")


def test_run_prints_the_name_and_wait_ends_with_the_run(
    shared: Shared, ebbflow: CommandLine, made: Made
) -> None:
    made(
        "paint",
        config_map("paint", colour="${args.COLOUR}", size="${args.SIZE.width}"),
        arguments={"COLOUR": "red", "SIZE": {"width": 1}},
    )
    said = ebbflow(
        *("run", "paint", "--arg", "COLOUR=blue", "--arg-json", 'SIZE={"width": 7}'),
        *("--reason", "a new coat", "--wait"),
    )
    name = said.out.strip()
    assert name.startswith("paint-")
    assert "✔ Succeeded" in said.err.splitlines()[-1]
    made_map = shared.kubectl.get("ConfigMap", "paint", shared.namespace)
    assert made_map["data"] == {"colour": "blue", "size": "7"}
    assert shared.kubectl.get("Run", name, shared.namespace)["spec"]["reason"] == "a new coat"


def test_an_argument_can_stay_in_a_secret(shared: Shared, ebbflow: CommandLine, made: Made) -> None:
    about = {"name": "keys", "namespace": shared.namespace}
    shared.kubectl.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": {"k": "hush"}}
    )
    made("quiet", config_map("quiet", size="${fn.length(args.KEY)}"), arguments={"KEY": ""})
    run = ebbflow("run", "quiet", "--arg-from", "KEY=secret/keys:k", "-o", "json").json()
    assert run["spec"]["argumentsFrom"] == [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}
    ]


def test_a_misspelt_argument_starts_nothing(ebbflow: CommandLine, made: Made) -> None:
    typo = made("typo", arguments={"REPLICAS": "1"})
    said = ebbflow("run", "typo", "--arg", "REPLICSA=2", code=1)
    assert said.err.splitlines() == [
        'ebbflow: there is no argument "REPLICSA"; did you mean REPLICAS?',
        f"  Template {typo.namespace}/typo",
        "  its arguments: REPLICAS",
    ]
    assert typo.runs() == []


def test_a_failed_run_ends_with_1_and_retry_goes_on_from_the_failed_node(
    shared: Shared, ebbflow: CommandLine, made: Made
) -> None:
    made("again", config_map("again-first", v="1"), waits_for("again-late", 1))
    first = ebbflow("run", "again", "--wait", code=1).out.strip()
    assert "goes on" not in first
    about = {"name": "again-late", "namespace": shared.namespace}
    shared.kubectl.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": about})
    second = ebbflow("retry", first, "--wait").out.strip()
    runs = [shared.kubectl.get("Run", name, shared.namespace) for name in (first, second)]
    assert runs[1]["spec"]["retryOf"] == first
    assert runs[1]["spec"]["reason"] == f"retry of {first}"
    started = [run["status"]["nodes"][0]["startedAt"] for run in runs]
    assert started[0] == started[1]
    refused = ebbflow("retry", second, code=1)
    assert "succeeded: there is nothing to go on with" in refused.err


def test_approve_finds_the_node_that_waits_and_says_who_we_are(
    shared: Shared, ebbflow: CommandLine, made: Made
) -> None:
    asks = made("asks", approval("gate"), config_map("asked", v="1"))
    run = ebbflow("run", "asks").out.strip()
    wait_waiting(asks, run)
    user = shared.kubectl.run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    said = ebbflow("approve", run, "-m", "looks good")
    assert said.out == f"run.ebbflow.dev/{run}: node 0 approved by {user}\n"
    ended = asks.wait_end(run)
    assert ended["spec"]["approvals"] == [
        {"node": "0", "user": user, "decision": "Approve", "message": "looks good"}
    ]
    late = ebbflow("approve", run, "--node", "0", code=1)
    assert "has ended: it is Succeeded" in late.err


def test_of_several_that_wait_one_must_be_named_and_a_rejection_fails_the_run(
    shared: Shared, ebbflow: CommandLine
) -> None:
    both = source(
        shared.kubectl,
        shared.namespace,
        "both",
        steps_document(approval("dba"), approval("boss", amount=2), type="parallel"),
    )
    run = ebbflow("run", "both").out.strip()
    wait_waiting(both, run)
    eventually(lambda: len(both.run(run)["status"]["nodes"]) == 2, 10, "both nodes to wait")
    unclear = ebbflow("approve", run, code=1)
    assert "0 (dba), 1 (boss)" in unclear.err
    assert "--node 0" in unclear.err
    ebbflow("approve", run, "--node", "1")
    opposite = ebbflow("reject", run, "--node", "1", code=1)
    assert "has already said Approve about node 1" in opposite.err
    ebbflow("reject", run, "--node", "0", "-m", "not today")
    ebbflow("cancel", run)
    assert both.wait_phase(run, "Failed", "Cancelled")["spec"]["approvals"][1]["node"] == "0"


def test_cancel_stops_a_run_and_says_so_of_one_that_has_ended(
    ebbflow: CommandLine, made: Made
) -> None:
    slow = made("slow", waits_for("never", 600))
    run = ebbflow("run", "slow").out.strip()
    wait_waiting(slow, run)
    said = ebbflow("cancel", run, "--wait", "-o", "json").json()
    assert said["status"]["phase"] == "Cancelled"
    assert "there is nothing to stop" in ebbflow("cancel", run, code=1).err


def test_runs_lists_the_newest_first_and_selects(ebbflow: CommandLine, made: Made) -> None:
    listed = made("listed", config_map("listed", v="1"))
    for name in ("listed-a", "listed-b"):
        ebbflow("run", "listed", "--name", name, "--reason", "for the list", "--wait")
    times = [run["metadata"]["creationTimestamp"] for run in listed.runs()]
    if times[0] != times[1]:
        assert ebbflow("runs", "listed", "-o", "name").lines == [
            "run.ebbflow.dev/listed-b",
            "run.ebbflow.dev/listed-a",
        ]
    head, *rows = ebbflow("runs", "listed", "--phase", "succeeded").lines
    assert head.split() == [
        *("NAME", "SOURCE", "PHASE", "REVISION", "STARTED", "DURATION", "REASON")
    ]
    assert len(rows) == 2
    assert all("✔ Succeeded" in row and row.endswith("for the list") for row in rows)
    assert len(ebbflow("runs", "listed", "--limit", "1").lines) == 2
    assert ebbflow("runs", "listed", "--phase", "Failed").out == ""
    everywhere = ebbflow("runs", "listed", "-A", "-o", "json").json()
    assert {run["metadata"]["name"] for run in everywhere["items"]} == {"listed-a", "listed-b"}


def test_watch_tells_each_change_in_a_line_where_there_is_no_terminal(
    ebbflow: CommandLine, made: Made
) -> None:
    made("told", config_map("told", v="1"))
    ebbflow("run", "told", "--wait")
    said = ebbflow("watch", "told", "--ascii")
    assert any("0  told  Manifest  + Succeeded" in line for line in said.lines)
    assert "+ Succeeded" in said.lines[-1]
    assert ebbflow("watch", "nothing", code=1).err.startswith(
        "ebbflow: there is no Run or Template nothing\n"
    )


def test_watch_shows_the_tree_on_a_terminal_until_the_run_ends(
    ebbflow: CommandLine, made: Made
) -> None:
    asks = made("shown", config_map("shown", v="1"), approval("gate"), config_map("after", v="1"))
    run = ebbflow("run", "shown").out.strip()
    wait_waiting(asks, run)
    approved: list[bool] = []

    def approve(written: str) -> bool:
        if "‖ Waiting" in written and not approved:
            approved.append(True)
            ebbflow("approve", run)
        return bool(approved)

    said = ebbflow.on_a_terminal("watch", run, until=approve)
    assert said.code == 0
    assert "├─ 0 shown" in said.out
    assert "◷ Pending" in said.out
    assert f"ebbflow approve {run}" in said.out
    assert "✔ Succeeded" in said.out


def test_waiting_too_long_ends_with_124_and_the_run_goes_on(
    ebbflow: CommandLine, made: Made
) -> None:
    slow = made("late", waits_for("never-comes", 600))
    ebbflow("run", "late", "--name", "late-run", "--wait", "--timeout", "1s", code=124)
    wait_waiting(slow, "late-run")
    ebbflow("cancel", "late-run", "--wait")


def test_kubectl_shows_and_waits_for_runs(shared: Shared, ebbflow: CommandLine, made: Made) -> None:
    made("seen", config_map("seen", v="1"))
    run = ebbflow("run", "seen").out.strip()
    place = ("-n", shared.namespace)
    for condition in ("Succeeded", "Ready"):
        shared.kubectl.run(
            *("wait", f"--for=condition={condition}", "--timeout=30s"),
            *(f"runs.ebbflow.dev/{run}", *place),
        )
    head, row = shared.kubectl.run("get", "runs.ebbflow.dev", run, *place).splitlines()
    assert head.split() == [*("NAME", "SOURCE", "PHASE", "REVISION", "STARTED", "DURATION", "AGE")]
    assert row.split()[:3] == [run, "seen", "Succeeded"]
    selected = shared.kubectl.run(
        *("get", "runs.ebbflow.dev", *place, "-o", "name"),
        "--field-selector=spec.source.kind=Template,spec.source.name=seen,status.phase=Succeeded",
    )
    assert selected.split() == [f"run.ebbflow.dev/{run}"]


def test_names_are_completed_from_the_cluster(
    shared: Shared, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made("completed-one")
    made("completed-two")
    monkeypatch.setenv("KUBECONFIG", str(shared.kubectl.cluster.kubeconfig))
    complete = ShellComplete(program, {}, "ebbflow", "_EBBFLOW_COMPLETE")
    found = complete.get_completions(["run", "-n", shared.namespace], "completed-")
    assert [item.value for item in found] == ["completed-one", "completed-two"]


def test_a_context_that_does_not_exist_is_told_in_three_lines(
    shared: Shared, made: Made, ebbflow: CommandLine
) -> None:
    made("locked")
    said = ebbflow("run", "locked", "--context", "nowhere", code=1)
    what, where, advice = said.err.splitlines()
    assert what == "ebbflow: no cluster"
    assert "nowhere" in where
    assert advice.startswith("  correct it")
