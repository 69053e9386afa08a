"""JobRun with pods that really run: exit codes, logs, ends of all sorts, and clones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.builders import git_account, secret
from tests.support.gitworld import tag
from tests.support.job_runs import END_SECONDS, IMAGE, NOBODY, Place, message, node, place_on
from tests.support.ran import Source
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

MEBIBYTE = 1024 * 1024
LOG_MEBIBYTES = 100
QUICKLY = 30.0
"""Seconds in which a failure is seen that nothing will mend; far from the timeouts of the nodes."""


@pytest.fixture(scope="module")
def place(
    node_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, process_group: int
) -> Iterator[Place]:
    with place_on(node_cluster, tmp_path_factory.mktemp("pods"), process_group) as made:
        yield made


def reading(**data: str) -> JsonObject:
    """Return a node that keeps outputs in a ConfigMap."""
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}, "data": data}
    return {"kind": "Manifest", "spec": {"manifest": manifest}}


def seen(place: Place) -> dict[str, str]:
    data: dict[str, str] = place.kubectl.get("ConfigMap", "seen", place.namespace)["data"]
    return data


def test_exit_code_and_log_are_outputs(place: Place) -> None:
    keep = reading(code="${refs.job.exitCode}", log="${refs.job.log}")
    place.run(node("echo one; echo two"), keep)
    assert seen(place) == {"code": "0", "log": "one\ntwo"}


def test_another_exit_code_fails_the_run_with_the_end_of_the_log(place: Place) -> None:
    run = place.run(node("exec >&2; echo begin; echo no such table; exit 7"), phase="Failed")
    assert "container main ended with exit code 7" in message(run)
    assert "its log ends: begin | no such table" in message(run)


def test_both_streams_of_a_container_are_in_its_log(place: Place) -> None:
    """In which order is up to the container runtime, which reads each by itself."""
    place.run(node("echo out; echo err >&2"), reading(log="${refs.job.log}"))
    assert sorted(seen(place)["log"].split("\n")) == ["err", "out"]


def test_a_container_that_takes_too_much_memory_is_said_to_have(place: Place) -> None:
    limits = {"limits": {"memory": "16Mi"}}
    run = place.run(node("tail /dev/zero", resources=limits), phase="Failed")
    assert "used more memory than its limit (OOMKilled" in message(run)


def test_a_command_that_is_not_there_is_said_to_be_missing(place: Place) -> None:
    run = place.run(node(None, command=["migrate"]), phase="Failed")
    assert "container main could not be started" in message(run)
    assert "migrate" in message(run)


def test_an_image_that_is_not_there_does_not_wait_for_the_timeout(place: Place) -> None:
    begun = time.monotonic()
    step = node(None, image="127.0.0.1:1/none:1") | {"timeout": "10m"}
    run = place.run(step, phase="Failed")
    assert time.monotonic() - begun < QUICKLY
    assert "the image 127.0.0.1:1/none:1 of container main cannot be had" in message(run)
    assert place.jobs(run["metadata"]["name"]) == []


def test_an_image_that_runs_as_root_is_said_to(place: Place) -> None:
    begun = time.monotonic()
    run = place.run(node("id", securityContext={}) | {"timeout": "10m"}, phase="Failed")
    assert time.monotonic() - begun < QUICKLY
    assert "runs as root, which is not allowed" in message(run)


def test_a_log_of_100_mib_is_read_from_its_end_only(place: Place) -> None:
    script = f"yes 0123456789abcdef | head -c {LOG_MEBIBYTES * MEBIBYTE}; echo; echo the end"
    before = place.operator.metric("process_resident_memory_bytes")
    place.run(node(script), reading(log="${refs.job.log}"))
    assert place.operator.metric("process_resident_memory_bytes") - before < 32 * MEBIBYTE
    assert "0123456789abcdef\n" in seen(place)["log"]
    assert seen(place)["log"].endswith("\nthe end")
    assert len(seen(place)["log"]) < 4096


def test_one_line_of_a_mebibyte_is_cut(place: Place) -> None:
    place.run(node("head -c 1048576 /dev/zero | tr '\\0' x"), reading(log="${refs.job.log}"))
    assert 2048 < len(seen(place)["log"]) < 4096


def test_binary_output_is_made_readable(place: Place) -> None:
    script = "head -c 4096 /dev/urandom; printf '\\033[31mred\\033[0m\\000\\377\\n'; echo last"
    place.run(node(script), reading(log="${refs.job.log}"))
    log = seen(place)["log"]
    assert log.endswith("red\N{REPLACEMENT CHARACTER}\nlast")
    assert all(c.isprintable() or c == "\n" for c in log)


def test_a_job_deleted_by_hand_fails_the_run(place: Place) -> None:
    source, name = place.start(node("sleep 300"))
    (job,) = eventually(lambda: place.jobs(name), END_SECONDS, "the Job") or ()
    place.kubectl.run("delete", "job", job["metadata"]["name"], "-n", place.namespace)
    run = place.wait(source, name, "Failed")
    assert "was deleted before its end" in message(run)


def test_a_pod_deleted_by_hand_fails_the_run(place: Place) -> None:
    source, name = place.start(node("sleep 300"))
    (pod,) = eventually(lambda: place.pods(name), END_SECONDS, "the pod") or ()
    arguments = ("-n", place.namespace, "--grace-period=1")
    place.kubectl.run("delete", "pod", pod["metadata"]["name"], *arguments)
    run = place.wait(source, name, "Failed")
    assert "the Job" in message(run)


def ignoring_the_end(seconds: int) -> JsonObject:
    """Return a node whose program takes no notice of SIGTERM."""
    script = "trap '' TERM; echo takes no notice; while true; do sleep 1; done"
    container = {"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", script]}
    context = {"runAsUser": 65534}
    pod = {"terminationGracePeriodSeconds": seconds, "containers": [container]}
    template = {"spec": {**pod, "securityContext": context}}
    return {"kind": "JobRun", "ref": "job", "spec": {"template": template}}


def test_cancelling_ends_a_program_that_ignores_it_after_its_grace_period(place: Place) -> None:
    source, name = place.start(ignoring_the_end(3))

    def runs() -> bool:
        return [one["status"].get("phase") for one in place.pods(name)] == ["Running"]

    eventually(runs, END_SECONDS, "the pod to run")
    begun = time.monotonic()
    place.kubectl.patch("Run", name, source.namespace, {"spec": {"cancel": True}})
    run = place.wait(source, name, "Cancelled")
    assert time.monotonic() - begun < 3
    (said,) = (one["message"] for one in run["status"]["nodes"] if one.get("ref") == "job")
    assert said == "the Run was cancelled; its log ends: takes no notice"
    assert place.jobs(name) == []
    eventually(lambda: not place.pods(name), 15, "the pod to go")


def test_a_timeout_deletes_the_job_and_its_pod_and_says_how_the_log_ended(place: Place) -> None:
    script = "trap exit TERM; echo begin; echo waits for a lock; sleep 300 & wait"
    run = place.run(node(script) | {"timeout": "8s"}, phase="Failed")
    name = run["metadata"]["name"]
    assert "it took longer than 8s" in message(run)
    assert message(run).endswith("its log ends: begin | waits for a lock")
    assert place.jobs(name) == []
    eventually(lambda: not place.pods(name), END_SECONDS, "the pod to go")


def test_each_attempt_is_a_job_and_they_go_with_their_run(place: Place) -> None:
    retried = {"maxAttempts": 2, "backoff": {"delay": 1}}
    run = place.run(node("exit 3") | {"settings": retried}, phase="Failed")
    name = run["metadata"]["name"]
    names = [job["metadata"]["name"] for job in place.jobs(name)]
    assert [one.rsplit("-", 2)[1] for one in names] == ["1", "2"]
    assert all(len(one) <= 63 for one in names)
    place.kubectl.delete("Run", name, place.namespace)
    eventually(lambda: not place.jobs(name), END_SECONDS, "the Jobs to go with their Run")


def test_jobs_are_not_pruned_while_their_run_is_there(place: Place) -> None:
    source = place.document(node("true"), prune=True)
    source.start(f"{source.name}-1")
    source.wait_end(f"{source.name}-1")
    source.start(f"{source.name}-2")
    source.wait_end(f"{source.name}-2")
    assert len(place.jobs(f"{source.name}-1")) == 1


def test_a_pod_that_no_node_takes_is_waited_for_with_a_message(place: Place) -> None:
    spec = {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}}
    source, name = place.start(node("true", resources=spec) | {"timeout": "20s"})
    run = place.wait(source, name, "Failed")
    assert "Insufficient cpu" in message(run)


@pytest.mark.timeout(300)
def test_a_node_that_does_not_answer_is_named_until_it_is_back_or_its_pods_are_gone(
    place: Place,
) -> None:
    """What the cluster tells of a dead node comes late: about a minute after its death."""
    stays = place.start(node("sleep 15; echo done"))
    retried = {"maxAttempts": 2, "backoff": {"delay": 1}}
    goes = place.start(leaving_soon("sleep 15") | {"settings": retried})

    def run(started: tuple[Source, str]) -> bool:
        return [one["status"].get("phase") for one in place.pods(started[1])] == ["Running"]

    def says(started: tuple[Source, str], words: str) -> bool:
        source, name = started
        nodes = source.run(name).get("status", {}).get("nodes", [])
        assert any(words in (one.get("message") or "") for one in nodes), nodes
        return True

    eventually(lambda: run(stays) and run(goes), END_SECONDS, "the pods to run")
    place.cluster.pause_node()
    try:
        eventually(lambda: says(stays, "its node node-0 does not answer"), 120, "its node")
        eventually(lambda: says(goes, "kubectl delete node node-0"), 60, "why it is taken away")
        (pod,) = place.pods(goes[1])
        arguments = ("-n", place.namespace, "--force", "--grace-period=0")
        place.kubectl.run("delete", "pod", pod["metadata"]["name"], *arguments)
        eventually(lambda: len(place.jobs(goes[1])) == 2, END_SECONDS, "another attempt")
        first = next(one for one in goes[0].run(goes[1])["status"]["nodes"] if one.get("ref"))
        assert first["attempt"] == 2
    finally:
        place.cluster.resume_node()
    assert place.wait(*stays, "Succeeded")
    assert place.wait(*goes, "Succeeded")


def leaving_soon(script: str) -> JsonObject:
    """Return a node whose pod does not stay long on a Node that does not answer."""
    container = {"name": "main", "image": IMAGE, "command": ["sh", "-c", script]}
    keys = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
    tolerations = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
        for key in keys
    ]
    pod = {"containers": [container], "tolerations": tolerations, "securityContext": NOBODY}
    return {"kind": "JobRun", "ref": "job", "spec": {"template": {"spec": pod}}}


def test_a_killed_operator_makes_no_second_job(place: Place) -> None:
    source, name = place.start(node("sleep 8; echo done"))
    eventually(lambda: place.jobs(name), END_SECONDS, "the Job")
    place.operator.kill()
    place.operator.restart()
    place.wait(source, name, "Succeeded")
    assert len(place.jobs(name)) == 1


@pytest.fixture(scope="module")
def account(place: Place) -> str:
    """A GitAccount that may use the Git server."""
    name = "git"
    login = secret(name).within(place.namespace).for_hosts("127.0.0.1")
    place.kubectl.apply(login.with_login("ebbflow", place.password).build())
    place.kubectl.apply(git_account(name).within(place.namespace).using(name).build())
    return name


def test_a_clone_is_in_the_workspace(place: Place, account: str) -> None:
    place.git.create_repository(
        "team/app", {"bin/tool.sh": b"echo from the clone\n", "docs/a b.md": b"# Title\n"}
    )
    git = {
        "accountRef": {"name": account},
        "repository": place.git.url_of("team/app"),
        "ref": "main",
    }
    script = "cd /workspace && ls -d * && cat 'docs/a b.md' && sh bin/tool.sh; env"
    run = place.run(node(script, git=git), reading(log="${refs.job.log}"))
    log = seen(place)["log"]
    assert log.startswith("bin\ndocs\n# Title\nfrom the clone\n")
    assert place.password not in log
    name = run["metadata"]["name"]
    secrets = place.kubectl.list_all("Secret", place.namespace)
    assert [one for one in secrets if one["metadata"]["name"].startswith(name)] == []


def test_a_clone_of_a_tag_has_its_files_though_the_branch_went_on(
    place: Place, account: str
) -> None:
    name = "team/tagged"
    tagged = place.git.create_repository(name, {"version": b"1\n"})
    tag(place.git.repository(name), "v1", tagged, "The first release")
    place.git.commit(name, {"version": b"2\n"})
    git = {"accountRef": {"name": account}, "repository": place.git.url_of(name), "ref": "v1"}
    keep = reading(log="${refs.job.log}", commit="${refs.job.commit}")
    place.run(node("cat /workspace/version", git=git), keep)
    assert (seen(place)["log"], seen(place)["commit"]) == ("1", tagged)


def test_a_build_hands_on_the_digest_that_the_builder_wrote(place: Place, account: str) -> None:
    digest = f"sha256:{'0' * 63}1"
    place.git.create_repository("team/built", {"Dockerfile": b"FROM scratch\n"})
    script = f"test -f /workspace/Dockerfile && printf {digest} > /dev/termination-log"
    builder = {
        "image": "busybox:1.36",
        "command": ["sh", "-c", script],
        "securityContext": {"runAsUser": 65534},
    }
    git = {
        "accountRef": {"name": account},
        "repository": place.git.url_of("team/built"),
        "ref": "main",
    }
    spec = {"image": "registry.example.com/acme/api", "tag": "1", "builder": builder, "git": git}
    build = {"kind": "Build", "ref": "job", "spec": spec}
    place.run(build, reading(image="${refs.job.image}"))
    assert seen(place)["image"] == f"registry.example.com/acme/api:1@{digest}"
    again = place.run(build)
    assert place.jobs(again["metadata"]["name"]) == []
