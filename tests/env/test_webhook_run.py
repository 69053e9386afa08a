"""Calls of a keyed trigger: the Run is made before the answer, once a delivery."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import API_VERSION
from tests.support.gitserver import FaultyGitServer
from tests.support.hooked import RECEIVER, call, receiver_of
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.waiting import eventually

KEY = "a-key-of-a-trigger-that-nobody-guesses"


def make_trigger(kubectl: Kubectl, namespace: str, name: str, **spec: Any) -> None:
    body = {"targets": [{"kind": "Template", "name": "shop"}], **spec}
    about = {"name": name, "namespace": namespace}
    kubectl.create(
        {"apiVersion": API_VERSION, "kind": "GitTrigger", "metadata": about, "spec": body}
    )


@pytest.fixture
def shop(kubectl: Kubectl, namespace: str) -> Source:
    """A Template that writes down what it was called with, and a keyed trigger that starts it."""
    told = {
        "version": "${refs.webhook.body.release.version}",
        "replicas": "${args.REPLICAS}",
        "sha": "${refs.backend.sha}",
        "branch": "${refs.backend.branch}",
    }
    document = steps_document(config_map("told", **told)) | {"arguments": {"REPLICAS": "1"}}
    made = source(
        kubectl, namespace, "shop", document, serviceAccountName=deployer(kubectl, namespace)
    )
    about = {"name": "key", "namespace": namespace}
    kubectl.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": {"key": KEY}}
    )
    key_from = {"secretKeyRef": {"name": "key", "key": "key"}}
    make_trigger(kubectl, namespace, "deploy", type="Webhook", keyFrom=key_from)
    make_trigger(
        kubectl,
        namespace,
        "pushes",
        type="Push",
        ref="backend",
        branches=["main"],
        git={"repository": "https://git.example/acme/backend"},
        paused=True,
    )
    return made


def test_a_call_makes_a_run_with_its_values_before_the_answer(
    operators: Operators, kubectl: Kubectl, namespace: str, git: FaultyGitServer, shop: Source
) -> None:
    del git
    place = receiver_of(operators(RECEIVER))
    path = f"/hooks/run/{namespace}/GitTrigger/deploy"
    said = call(
        place,
        path,
        KEY,
        {"release": {"version": "1.8.2"}},
        {"REPLICAS": "5", "backend.sha": "c0ffee", "nothing": "x"},
        Idempotency_Key="release-1",
    )
    assert said.status == 202, said
    (name,) = said.body["runs"]
    assert said.body["ignoredParameters"] == ["nothing"]
    assert [run["metadata"]["name"] for run in shop.runs()] == [name]
    run = shop.wait_end(name)
    assert kubectl.get("ConfigMap", "told", namespace)["data"] == {
        "version": "1.8.2",
        "replicas": "5",
        "sha": "c0ffee",
        "branch": "",
    }
    trigger = run["status"]["trigger"]
    assert (trigger["type"], trigger["delivery"]) == ("Webhook", "release-1")
    again = call(place, f"{path}/{KEY}", body={"release": {}}, Idempotency_Key="release-1")
    assert (again.status, again.body["runs"]) == (202, [name])
    assert len(shop.runs()) == 1

    def verdicts() -> Any:
        return kubectl.get("GitTrigger", "deploy", namespace).get("status", {}).get("deliveries")

    (verdict,) = eventually(verdicts, 20, "the verdict in the status") or ()
    assert (verdict["verdict"], verdict["source"], verdict["runs"]) == ("Fired", "Webhook", [name])


def test_an_unknown_name_and_a_wrong_key_are_answered_alike(
    operators: Operators, kubectl: Kubectl, namespace: str, git: FaultyGitServer, shop: Source
) -> None:
    del git, kubectl
    place = receiver_of(operators(RECEIVER))
    root = f"/hooks/run/{namespace}"
    asked = [
        call(place, f"{root}/GitTrigger/deploy", "wrong"),
        call(place, f"{root}/GitTrigger/deploy/wrong"),
        call(place, f"{root}/GitTrigger/deploy"),
        call(place, f"{root}/GitTrigger/nobody", KEY),
        call(place, f"{root}/GitTrigger/pushes", KEY),
        call(place, f"{root}/ReleaseFlow/deploy", KEY),
        call(place, f"/hooks/run/nowhere/GitTrigger/deploy/{KEY}"),
        call(place, f"{root}/GitTrigger/%2e%2e%2fx", KEY),
    ]
    assert {(said.status, str(said.body)) for said in asked} == {(404, str(asked[0].body))}
    assert shop.runs() == []


def test_a_paused_trigger_says_so_and_starts_nothing_later(
    operators: Operators, kubectl: Kubectl, namespace: str, git: FaultyGitServer, shop: Source
) -> None:
    del git
    place = receiver_of(operators(RECEIVER))
    path = f"/hooks/run/{namespace}/GitTrigger/deploy"
    spec = {"paused": True, "pausedReason": "a freeze"}
    kubectl.patch("GitTrigger", "deploy", namespace, {"spec": spec})
    said = call(place, path, KEY)
    assert said.status == 202
    assert "a freeze" in said.body["message"]
    kubectl.patch("GitTrigger", "deploy", namespace, {"spec": {"paused": False}})
    assert shop.runs() == []
    assert call(place, path, KEY, b'{"cut off').status == 400
    assert call(place, path, KEY, b"a=b", Content_Type="text/plain").status == 415
    kubectl.delete("Template", "shop", namespace)
    said = call(place, path, KEY)
    assert (said.status, "no Template shop" in said.body["message"]) == (409, True)


def test_a_run_that_was_answered_for_survives_a_kill_and_its_call_may_come_again(
    operators: Operators, kubectl: Kubectl, namespace: str, git: FaultyGitServer, shop: Source
) -> None:
    del git, kubectl
    operator = operators(RECEIVER)
    path = f"/hooks/run/{namespace}/GitTrigger/deploy"
    body = {"release": {"version": "1"}}
    said = call(receiver_of(operator), path, KEY, body, Idempotency_Key="once")
    operator.kill()
    (name,) = said.body["runs"]
    operator.start()
    operator.wait_ready()
    again = call(receiver_of(operator), path, KEY, body, Idempotency_Key="once")
    assert again.body["runs"] == [name]
    shop.wait_end(name)
    assert len(shop.runs()) == 1
