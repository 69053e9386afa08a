"""Actions, backups, messages and commits by the real operator; pods get their status by KWOK."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.builders import git_account, secret
from tests.support.job_runs import Place, message, place_on
from tests.support.message_server import Received, message_server
from tests.support.ran import config_map
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

API = {"app": "api"}
SIGNING_KEY = "a-key-to-sign-with"
GROUP = "backups.example.com"


@pytest.fixture(scope="module")
def place(
    kwok_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, process_group: int
) -> Iterator[Place]:
    with place_on(kwok_cluster, tmp_path_factory.mktemp("kwok"), process_group) as made:
        made.kubectl.create(deployment(made.namespace))
        yield made


def deployment(namespace: str) -> JsonObject:
    pod = {"containers": [{"name": "web", "image": "registry.example/none:1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": API},
            "template": {"metadata": {"labels": API}, "spec": pod},
        },
    }


def change(type_: str, kind: str = "Deployment", name: str = "api", **spec: Any) -> JsonObject:
    target = {"kind": kind, "name": name}
    given = {"type": type_, "target": target, **spec}
    return {"kind": "Action", "timeout": "50s", "spec": given}


def live(place: Place) -> JsonObject:
    found: JsonObject = place.kubectl.get("Deployment", "api", place.namespace)
    return found


def test_a_restart_makes_every_pod_anew(place: Place) -> None:
    before = place.run(change("scale", replicas=2)) and live(place)
    place.run(change("restart"))
    after = live(place)
    assert after["metadata"]["generation"] > before["metadata"]["generation"]
    assert after["spec"]["template"]["spec"] == before["spec"]["template"]["spec"]
    assert after["status"]["updatedReplicas"] == 2


def test_scale_waits_until_the_replicas_are_ready_and_keeps_the_rest(place: Place) -> None:
    template = live(place)["spec"]["template"]
    place.run(change("scale", replicas=3))
    after = live(place)
    assert (after["spec"]["replicas"], after["status"]["readyReplicas"]) == (3, 3)
    assert after["spec"]["template"] == template


def test_pause_and_resume_come_back_to_as_many(place: Place) -> None:
    place.run(change("scale", replicas=2), change("pause"))
    paused = live(place)
    assert (paused["spec"]["replicas"], paused["status"].get("replicas", 0)) == (0, 0)
    place.run(change("resume"))
    resumed = live(place)
    assert (resumed["spec"]["replicas"], resumed["status"]["readyReplicas"]) == (2, 2)
    assert "ebbflow.dev/paused-replicas" not in resumed["metadata"].get("annotations", {})


def cron_job(name: str, namespace: str) -> JsonObject:
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "dump", "image": "registry.example/none:1"}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }


def test_a_cron_job_is_suspended_and_goes_on(place: Place) -> None:
    place.kubectl.create(cron_job("nightly", place.namespace))
    for type_, suspended in (("pause", True), ("resume", False)):
        place.run(change(type_, "CronJob", "nightly"))
        found = place.kubectl.get("CronJob", "nightly", place.namespace)
        assert found["spec"]["suspend"] is suspended


def test_a_backup_runs_the_job_of_a_cron_job(place: Place) -> None:
    place.kubectl.create(cron_job("dump", place.namespace))
    backup = {"kind": "AddonBackup", "ref": "backup", "timeout": "50s"}
    spec = {"from": {"kind": "CronJob", "name": "dump"}}
    run = place.run(backup | {"spec": spec}, config_map("seen", job="${refs.backup.id}"))
    (job,) = place.jobs(run["metadata"]["name"])
    seen = place.kubectl.get("ConfigMap", "seen", place.namespace)["data"]
    assert seen == {"job": job["metadata"]["name"]}
    assert job["spec"]["template"]["spec"]["containers"][0]["name"] == "dump"


@pytest.fixture(scope="module")
def dumps(place: Place) -> Iterator[str]:
    """A kind of backups, as a vendor's operator brings it; the path of its objects."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"dumps.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": "Dump", "plural": "dumps"},
            "versions": [version],
        },
    }
    place.kubectl.apply(definition)
    path = f"/apis/{GROUP}/v1/namespaces/{place.namespace}/dumps"
    eventually(lambda: place.cluster.request("GET", path).status == 200, 20, "the kind")
    yield path
    place.kubectl.delete("CustomResourceDefinition", f"dumps.{GROUP}")


@pytest.mark.parametrize(("phase", "ended"), [("Done", "Succeeded"), ("Broken", "Failed")])
def test_a_backup_can_be_any_object(place: Place, dumps: str, phase: str, ended: str) -> None:
    manifest = {"apiVersion": f"{GROUP}/v1", "kind": "Dump", "metadata": {"generateName": "db"}}
    ends = {"until": "object.phase == 'Done'", "failsIf": "object.phase == 'Broken'"}
    backup = {"kind": "AddonBackup", "timeout": "50s", "spec": {"manifest": manifest, **ends}}
    source, name = place.start(backup)

    def made() -> list[JsonObject]:
        found: list[JsonObject] = place.cluster.request("GET", dumps).json()["items"]
        return [one for one in found if one["metadata"]["name"].startswith(source.name)]

    (dump,) = eventually(made, 20, "the backup") or ()
    place.kubectl.api.call(
        "PATCH",
        f"{dumps}/{dump['metadata']['name']}",
        body={"phase": phase},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    place.wait(source, name, ended)


@pytest.fixture
def receiver(place: Place) -> Iterator[list[Received]]:
    """A server of messages, and a Secret `chat` with its addresses; what came."""
    with message_server() as server:
        data = {name: server.url(f"/{name}") for name in ("slack", "none", "hook")}
        metadata = {"name": "chat", "namespace": place.namespace}
        place.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": metadata,
                "stringData": {**data, "key": SIGNING_KEY},
            }
        )
        yield server.received


def told(type_: str, key: str, **spec: Any) -> JsonObject:
    url = {"secretKeyRef": {"name": "chat", "key": key}}
    given = {"type": type_, "urlFrom": url, "message": "1.8.2 is out", **spec}
    return {"kind": "Message", "spec": given}


def test_messages_arrive_and_their_signature_is_right(
    place: Place, receiver: list[Received]
) -> None:
    signed = {"secretFrom": {"secretKeyRef": {"name": "chat", "key": "key"}}}
    run = place.run(told("Slack", "slack"), told("Webhook", "hook", **signed))
    slack, hook = receiver
    assert (slack.path, json.loads(slack.body)) == ("/slack", {"text": "1.8.2 is out"})
    assert (hook.path, json.loads(hook.body)["run"]["name"]) == ("/hook", run["metadata"]["name"])
    headers, stamp = hook.headers, hook.headers["Ebbflow-Timestamp"]
    signed_text = stamp.encode() + b"." + hook.body
    mac = hmac.new(SIGNING_KEY.encode(), signed_text, hashlib.sha256).hexdigest()
    assert headers["Ebbflow-Signature"] == f"sha256={mac}"
    assert abs(time.time() - int(stamp)) < 60
    assert headers["Idempotency-Key"].endswith("/1/1")


def test_what_slack_says_is_told_without_the_address(
    place: Place, receiver: list[Received]
) -> None:
    run = place.run(told("Slack", "none"), phase="Failed")
    assert "Slack answered 404: no_service" in message(run)
    assert "/none" not in json.dumps(run["status"])
    assert len(receiver) == 1


def test_an_event_is_seen_at_the_template(place: Place) -> None:
    run = place.run({"kind": "Message", "spec": {"type": "Event", "message": "it is out"}})
    source = run["spec"]["source"]["name"]
    path = f"/apis/events.k8s.io/v1/namespaces/{place.namespace}/events"
    found = place.cluster.request("GET", path).json()["items"]
    notes = [one["note"] for one in found if one["regarding"]["name"] == source]
    assert f"{run['metadata']['name']}: it is out" in notes


def test_a_commit_is_pushed_with_the_account_of_the_namespace(place: Place) -> None:
    name = f"git-{secrets.token_hex(2)}"
    login = secret(name).within(place.namespace).for_hosts("127.0.0.1")
    place.kubectl.apply(login.with_login("ebbflow", place.password).build())
    place.kubectl.apply(git_account(name).within(place.namespace).using(name).build())
    place.git.create_repository("team/releases", {"shop.yaml": b"tag: 1\n", "old": b"o\n"})
    repository = place.git.repository("team/releases")
    git = {"accountRef": {"name": name}, "repository": place.git.url_of("team/releases")}
    files = {"shop.yaml": "tag: 2\n", "new/x.txt": "x\n", "old": None}
    spec = {"git": git, "branch": "release/2", "base": "main", "message": "Ship 2", "files": files}
    step = {"kind": "Commit", "ref": "ship", "timeout": "50s", "spec": spec}
    place.run(step, config_map("shipped", at="${refs.ship.commit}"))
    newest = repository.log("release/2")[0]
    assert place.kubectl.get("ConfigMap", "shipped", place.namespace)["data"] == {"at": newest.sha}
    assert repository.show("release/2", "shop.yaml") == b"tag: 2\n"
    assert newest.message.startswith("Ship 2\n\nEbbflow-Object: Run/")
    place.run(step)
    assert repository.log("release/2")[0].sha == newest.sha
