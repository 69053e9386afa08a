"""Documents that ask for what cannot be, or not yet: each Run says so, and no other one waits for it.

All Runs of the table are under way at once, side by side with some that never end by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from json import dumps
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import GIT_USER, fresh_namespace, link_account
from tests.support.apifaults import Answer, Rule, matching
from tests.support.apiproxy import ApiProxy
from tests.support.bad_runs import (
    GADGETS,
    LONG,
    OWNED,
    Row,
    deployment,
    forbid_label,
    forbidding,
    sizes,
    table,
)
from tests.support.canary import Canary, CanarySearch
from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.synced import Scene, link
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

MEANWHILE_SECONDS = 15.0  # of a Run of two nodes, on a machine that may be busy


LOOP = {
    "kind": "LoopWorkflow",
    "spec": {
        "type": "sequential",
        "iterations": "${args.ITEMS}",
        "parallelism": 100,
        "steps": [{"kind": "Delay", "spec": {"duration": "0s"}}],
    },
}


def refuse(proxy: ApiProxy, name: str, code: int) -> Rule:
    match = matching(resource="configmaps", name=name, writes=True)
    return proxy.before(match, Answer(code, retry_after=1 if code == 429 else None), times=6)


@dataclass(frozen=True)
class Stage:
    """The Runs of the table, under way."""

    kubectl: Kubectl
    scene: Scene
    robot: str
    rows: dict[str, Row]
    sources: dict[str, Source]
    rules: dict[str, Rule]

    def run(self, name: str, *steps: JsonObject, **fields: Any) -> Source:
        """Start a Run of these steps under the name."""
        made = source(
            self.kubectl,
            self.scene.namespace,
            name,
            steps_document(*steps, arguments=dict.fromkeys(fields, "")),
            serviceAccountName=self.robot,
        )
        made.start(name, arguments=fields)
        return made


@pytest.fixture(scope="module")
def stage(
    cluster: ControlPlane,
    kubectl: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
    process_group: int,
    rbac_usage: None,
) -> Iterator[Stage]:
    """Every row, started at once; and two Runs that wait for what never comes."""
    del rbac_usage
    directory, canary, search = tmp_path_factory.mktemp("bad"), Canary.generate(), CanarySearch()
    search.add(canary)
    (directory / "git").mkdir()
    with (
        FaultyGitServer(directory / "git", username=GIT_USER, password=canary.value) as git,
        ApiProxy.to(cluster.kubeconfig) as proxy,
        fresh_namespace(kubectl, "bad input", search) as namespace,
        fresh_namespace(kubectl, "dying", search) as dying,
        Operators(cluster, directory, [namespace], search, process_group) as operators,
    ):
        scene = Scene(kubectl, git, namespace, link_account(kubectl, namespace, canary))
        robot = deployer(kubectl, namespace)
        prepare(kubectl, namespace, robot, dying)
        operators(through=proxy)
        rules = {
            "too-many-requests": refuse(proxy, "too-many-requests", 429),
            "a-conflict-of-versions": refuse(proxy, "a-conflict-of-versions", 409),
        }
        rows = table(dying)
        sources = {
            name: source(
                kubectl,
                namespace,
                name,
                steps_document(*row.steps, arguments={"A": "", **dict.fromkeys(row.arguments, "")}),
                serviceAccountName=robot,
            )
            for name, row in rows.items()
        }
        made = Stage(kubectl, scene, robot, rows, sources, rules)
        for name in ("stuck", "stuck-too"):
            made.run(name, deployment(name))
        made.run("loop", LOOP, ITEMS=list(range(10_000)))
        for name, row in rows.items():
            sources[name].start(name, arguments=row.arguments)
        yield made
        release(kubectl, dying)
        policies = "validatingadmissionpolicybindings,validatingadmissionpolicies"
        kubectl.run("delete", policies, forbidding(namespace))
        search.look_at_repositories(git.root)
    search.verify()


def prepare(kubectl: Kubectl, namespace: str, robot: str, dying: str) -> None:
    """Make what the rows meet: a policy, a field of somebody else, a namespace that cannot go."""
    forbid_label(kubectl, namespace)
    theirs = {**OWNED, "data": {"v": "theirs"}}
    theirs["metadata"] = {"name": "owned", "namespace": namespace}
    kubectl.run(
        "apply", "--server-side", "--field-manager=somebody", "-f", "-", input=dumps(theirs)
    )
    # A binding in the namespace would be gone before the namespace is.
    subject = f"--serviceaccount={namespace}:{robot}"
    kubectl.run("create", "clusterrolebinding", dying, "--clusterrole=edit", subject)
    holder = {"apiVersion": "v1", "kind": "ConfigMap"}
    kubectl.create(
        {**holder, "metadata": {"name": "h", "namespace": dying, "finalizers": ["example.com/h"]}}
    )
    kubectl.run("delete", "namespace", dying, "--wait=false")


def release(kubectl: Kubectl, dying: str) -> None:
    """Let the namespace go that could not."""
    patch = dumps({"metadata": {"finalizers": None}})
    kubectl.run("patch", "configmap", "h", "-n", dying, "--type=merge", "-p", patch, check=False)
    kubectl.run("delete", "clusterrolebinding", dying)


def message_of(run: JsonObject) -> str:
    return str(run["status"].get("message"))


ROWS = tuple(table("dying"))


def test_other_runs_are_not_held_up(stage: Stage) -> None:
    begun = time.monotonic()
    one, other = config_map("meanwhile-a", v="1"), config_map("meanwhile-b", v="1")
    stage.run("meanwhile", one, other).wait_end("meanwhile")
    assert time.monotonic() - begun < MEANWHILE_SECONDS
    for name in ("stuck", "stuck-too"):
        stuck = Source(stage.kubectl, stage.scene.namespace, name)
        assert stuck.run(name)["status"]["phase"] == "Running"


@pytest.mark.parametrize("name", [name for name in ROWS if name != "a-kind-that-comes-later"])
def test_a_run_ends_as_documented_and_says_why(stage: Stage, name: str) -> None:
    row = stage.rows[name]
    message = message_of(stage.sources[name].wait_end(name, row.phase))
    assert [words for words in row.says if words not in message] == [], message


@pytest.mark.parametrize("name", ["too-many-requests", "a-conflict-of-versions"])
def test_what_the_api_server_refused_for_the_moment_was_asked_again(
    stage: Stage, name: str
) -> None:
    run = stage.sources[name].wait_end(name)
    assert stage.rules[name].fired >= 1
    assert run["status"]["nodes"][0]["attempt"] == 1


def test_a_run_that_waits_for_a_kind_goes_on_when_it_comes(stage: Stage) -> None:
    waiting = stage.sources["a-kind-that-comes-later"]

    def told() -> bool:
        nodes = waiting.run("a-kind-that-comes-later")["status"].get("nodes") or [{}]
        return "install" in str(nodes[0].get("message"))

    eventually(told, 20, "the Run to say what it waits for")
    stage.kubectl.run("create", "-f", "-", input=dumps(GADGETS))
    try:
        waiting.wait_end("a-kind-that-comes-later")
    finally:
        stage.kubectl.run("delete", "crd", "gadgets.example.com", "--wait=false")


def test_a_run_that_waits_says_for_what(stage: Stage) -> None:
    stuck = Source(stage.kubectl, stage.scene.namespace, "stuck")

    def told() -> bool:
        return "Deployment" in message_of(stuck.run("stuck"))

    eventually(told, 20, "the Run to say what it waits for")


def test_an_output_of_a_mebibyte_can_be_used_and_stays_out_of_the_status(stage: Stage) -> None:
    length = config_map("length", v="${fn.length(refs.big.data.v)}")
    steps = (config_map("big", v=LONG), length)
    run = stage.run("big-output", *steps, **sizes(950)).wait_end("big-output")
    made = stage.kubectl.get("ConfigMap", "length", stage.scene.namespace)
    assert made["data"] == {"v": "950000"}
    assert len(dumps(run["status"])) < 4096


def test_faults_of_a_file_in_git_have_its_line(stage: Stage) -> None:
    text = (
        b"apiVersion: ebbflow.dev/v1\narguments: {V: '1'}\nspec:\n  kind: Workflow\n  spec:\n"
        b"    type: sequential\n    steps:\n    - kind: Delay\n      spec:\n"
        b"        duration: ${args.W}\n    - kind: Delay\n      when: arg.V == '1'\n"
        b"      spec: {durations: 5s}\n"
    )
    shop = link(stage.scene, "in-git", text, serviceAccountName=stage.robot)
    runs = Source(stage.kubectl, stage.scene.namespace, shop.name)
    message = message_of(runs.wait_end(runs.start("in-git"), "Failed"))
    for place in ("10:21: spec.spec.steps[0].spec.duration", "12:13: spec.spec.steps[1].when"):
        assert f"{shop.path.lstrip('/')}:{place}" in message


def test_a_loop_over_ten_thousand_items_leaves_a_small_status(stage: Stage) -> None:
    run = Source(stage.kubectl, stage.scene.namespace, "loop").wait_end("loop")
    (node,) = run["status"]["nodes"]
    assert node["iterations"] == {"total": 10_000, "done": 10_000}
