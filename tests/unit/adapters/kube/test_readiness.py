"""What is missing before events can be watched, in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.readiness import Watch, missing, watches
from ebbflow.api.kinds import KINDS
from ebbflow.api.template import Template
from tests.support.fake_kube_api import FakeApi, Reply, Request, refusal

TEMPLATES = watches((Template,), ())
ESTABLISHED = {"type": "Established", "status": "True"}


def crd(*conditions: dict[str, str], version: str = "v1alpha1", served: bool = True) -> Reply:
    spec = {"versions": [{"name": version, "served": served}]}
    return (200, {"spec": spec, "status": {"conditions": list(conditions)}})


def answers(api: FakeApi, definition: Reply, allowed: object = True) -> None:
    def answer(seen: Request) -> Reply:
        if seen.method == "GET":
            return definition
        return (201, {"status": {"allowed": allowed}})

    api.otherwise = answer


async def test_nothing_is_missing(client: KubeClient, api: FakeApi) -> None:
    answers(api, crd(ESTABLISHED))
    assert await missing(client, watches(KINDS, ("a", "b"))) == ()
    asked = [seen.body["spec"]["resourceAttributes"] for seen in api.requests if seen.body]
    assert len(asked) == 2 * len(KINDS) * 2
    attributes: dict[str, Any] = {"group": "ebbflow.dev", "resource": "templates"}
    assert attributes | {"verb": "watch", "namespace": "b"} in asked


async def test_all_namespaces_are_asked_for_without_a_name(
    client: KubeClient, api: FakeApi
) -> None:
    answers(api, crd(ESTABLISHED))
    await missing(client, TEMPLATES)
    asked = [seen.body["spec"]["resourceAttributes"] for seen in api.requests if seen.body]
    assert all("namespace" not in attributes for attributes in asked)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        pytest.param(refusal(404, "not found"), "is missing; run `ebbflow install`", id="none"),
        pytest.param(crd(), "is not established yet", id="new"),
        pytest.param(
            crd({"type": "NamesAccepted", "status": "False", "message": "short name taken"}),
            "is not established yet: short name taken",
            id="with taken names",
        ),
        pytest.param(crd(ESTABLISHED, version="v9"), "does not serve v1alpha1", id="another"),
        pytest.param(crd(ESTABLISHED, served=False), "does not serve v1alpha1", id="switched off"),
        pytest.param(refusal(403, "no right to look"), "no right to look", id="forbidden"),
    ],
)
async def test_a_definition_that_does_not_serve_is_named(
    client: KubeClient, api: FakeApi, definition: Reply, words: str
) -> None:
    answers(api, definition)
    (sentence,) = await missing(client, TEMPLATES)
    assert words in sentence
    assert "templates.ebbflow.dev" in sentence


async def test_a_right_that_lacks_is_named(client: KubeClient, api: FakeApi) -> None:
    answers(api, crd(ESTABLISHED), allowed=False)
    wanted = (*watches((Template,), ("shop",)), Watch("", "secrets"))
    sentences = await missing(client, wanted)
    assert [sentence.split(";")[0] for sentence in sentences] == [
        "the operator may not list templates.ebbflow.dev in namespace shop",
        "the operator may not watch templates.ebbflow.dev in namespace shop",
        "the operator may not list secrets in all namespaces",
        "the operator may not watch secrets in all namespaces",
    ]


async def test_a_server_in_trouble_is_an_answer_too(client: KubeClient, api: FakeApi) -> None:
    api.otherwise = lambda _: (500, {})
    sentences = await missing(client, TEMPLATES)
    assert sentences
    assert all("HTTP 500" in sentence for sentence in sentences)
