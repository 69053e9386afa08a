"""Any object as a tenant: what is sent, what it costs, and what refusals mean."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.discovery import REFRESH_SECONDS, STALE_SECONDS, Discovery
from ebbflow.adapters.kube.objects import KubeObjects
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.api.base import NAME_MAX_LENGTH, Key
from ebbflow.domain.objects import (
    Account,
    Busy,
    Changed,
    Denied,
    Invalid,
    KindMissing,
    ObjectError,
    ObjectId,
    RejectedByAdmission,
    SystemNamespace,
    TooLarge,
    field_manager,
    owner_mark,
)
from ebbflow.domain.secret import Tainted
from tests.support.fake_kube_api import FakeApi, Reply, Request
from tests.support.memory_cluster import ManualClock

CANARY = "canary-in-an-object"
WORKER = Account("shop", "worker")
TARGET = ObjectId("", "ConfigMap", "shop", "settings", "v1")
CORE = {
    "resources": [
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
        {"name": "secrets", "kind": "Secret", "namespaced": True},
        {"name": "namespaces", "kind": "Namespace", "namespaced": False},
        {"name": "namespaces/status", "kind": "Namespace", "namespaced": False},
    ]
}


class Stage:
    def __init__(self, api: FakeApi, client: KubeClient) -> None:
        self.api = api
        self.clock = ManualClock()
        self.served: dict[str, Any] = {"/api/v1": CORE}
        self.reply: Reply = (200, {"metadata": {"name": "settings"}})
        self.secrets: list[str] = []
        api.otherwise = self._answer
        self.discovery = Discovery(client, self.clock)
        self.objects = KubeObjects(
            client,
            self.discovery,
            SystemNamespaces(["ebbflow-system"]),
            on_secret=lambda secret: self.secrets.append(secret.reveal()),
            redact=lambda text: text.replace("known-secret", "[redacted]"),
        )

    def _answer(self, request: Request) -> Reply:
        if request.path in self.served:
            return (200, self.served[request.path])
        if request.path.count("/") < 4 or request.path.startswith("/apis/none"):
            return (404, "404 page not found")
        return self.reply

    @property
    def lists(self) -> int:
        return sum(request.path in self.served for request in self.api.requests)

    @property
    def sent(self) -> Request:
        return self.api.requests[-1]

    async def apply(self, manifest: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
        given = config_map() if manifest is None else manifest
        return await self.objects.apply(given, WORKER, manager="m", **how)


@pytest.fixture
def stage(api: FakeApi, client: KubeClient) -> Stage:
    return Stage(api, client)


def config_map(**data: Any) -> dict[str, Any]:
    metadata = {"name": "settings"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def status(code: int, message: str, reason: str = "", **details: Any) -> Reply:
    body = {"kind": "Status", "message": message, "reason": reason, "details": details}
    return (code, body)


# What is sent


async def test_an_apply_names_manager_account_and_namespace(stage: Stage) -> None:
    await stage.apply(config_map(a=Tainted(CANARY)), dry_run=True)
    assert stage.sent.path == "/api/v1/namespaces/shop/configmaps/settings"
    assert stage.sent.headers["Impersonate-User"] == "system:serviceaccount:shop:worker"
    assert stage.sent.query == {
        "fieldManager": "m",
        "fieldValidation": "Strict",
        "dryRun": "All",
        "force": "true",
    }
    assert stage.sent.body["metadata"] == {"name": "settings", "namespace": "shop"}
    assert stage.sent.body["data"] == {"a": CANARY}


async def test_a_kind_without_namespaces_is_applied_without_one(stage: Stage) -> None:
    metadata = {"name": "web", "namespace": "shop"}
    await stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    assert (stage.sent.path, stage.sent.body["metadata"]) == (
        "/api/v1/namespaces/web",
        {"name": "web"},
    )


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 1}},
        {"kind": "ConfigMap", "metadata": {"name": "x"}},
    ],
)
async def test_what_is_no_object_is_not_sent(stage: Stage, manifest: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="is missing"):
        await stage.apply(manifest)
    assert stage.api.requests == []


@pytest.mark.parametrize("name", ["..", "."])
async def test_a_name_that_is_a_path_is_refused(stage: Stage, name: str) -> None:
    with pytest.raises(Invalid):
        await stage.apply(config_map() | {"metadata": {"name": name}})
    for target in (
        ObjectId("", "ConfigMap", name, "x", "v1"),
        ObjectId(name, "ConfigMap", "shop", "x", "v1"),
        ObjectId("", "ConfigMap", "shop", "x", name),
        ObjectId("", "ConfigMap", "shop", "", "v1"),
    ):
        with pytest.raises(Invalid):
            await stage.objects.get(target, WORKER)
    assert stage.api.requests == []


async def test_namespaces_of_the_system_are_refused_unasked(stage: Stage) -> None:
    metadata = {"name": "kube-system"}
    with pytest.raises(SystemNamespace):
        await stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    with pytest.raises(SystemNamespace):
        await stage.objects.get(TARGET, Account("ebbflow-system", "ebbflow"))
    assert {request.path for request in stage.api.requests} == {"/api/v1"}


def test_marks_and_managers_fit_into_their_fields() -> None:
    longest = Key("ReleaseFlow", "n" * 63, "x" * NAME_MAX_LENGTH)
    assert len(owner_mark(longest)) <= 63
    assert len(field_manager(longest)) <= 128
    assert owner_mark(longest) != owner_mark(longest._replace(namespace="other"))


# Kinds


async def test_a_thousand_objects_of_a_kind_ask_once_which_kinds_there_are(stage: Stage) -> None:
    await asyncio.gather(*(stage.objects.get(TARGET, WORKER) for _ in range(50)))
    assert stage.lists == 1
    stage.clock.advance(STALE_SECONDS + 1)
    await stage.objects.get(TARGET, WORKER)
    assert stage.lists == 2


async def test_an_unknown_kind_is_looked_for_again_but_not_in_a_rush(stage: Stage) -> None:
    thing = ObjectId("", "Thing", "shop", "x", "v1")
    for _ in range(5):
        with pytest.raises(KindMissing):
            await stage.objects.get(thing, WORKER)
    assert stage.lists == 1
    stage.served["/api/v1"] = {
        "resources": [{"name": "things", "kind": "Thing", "namespaced": True}]
    }
    stage.clock.advance(REFRESH_SECONDS + 0.1)
    await stage.objects.get(thing, WORKER)
    assert stage.sent.path == "/api/v1/namespaces/shop/things/x"


async def test_without_a_version_the_preferred_one_is_taken(stage: Stage) -> None:
    stage.served["/apis/x.dev"] = {"preferredVersion": {"version": "v2"}, "versions": []}
    stage.served["/apis/x.dev/v2"] = {"resources": [{"name": "things", "kind": "Thing"}]}
    for _ in range(3):
        await stage.objects.get(ObjectId("x.dev", "Thing", "", "a"), WORKER)
    assert stage.sent.path == "/apis/x.dev/v2/things/a"
    assert stage.lists == 2


async def test_a_kind_that_went_away_is_told_as_that(stage: Stage) -> None:
    await stage.apply()
    stage.served["/api/v1"] = {"resources": []}
    stage.reply = (404, "404 page not found")
    with pytest.raises(KindMissing):
        await stage.apply()


# Refusals


CANNOT = 'configmaps "settings" is forbidden: User "system:serviceaccount:shop:worker" cannot {} resource "configmaps" in API group "{}"'
DOWN = 'Internal error occurred: failed calling webhook "v.example.com": no endpoints available'


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        pytest.param(
            status(403, CANNOT.format("patch", "") + ' in the namespace "shop"', "Forbidden"),
            Denied,
            "kubectl create role worker-configmaps --verb=get,list,watch,create,patch "
            "--resource=configmaps -n shop && kubectl create rolebinding worker-configmaps "
            "--role=worker-configmaps --serviceaccount=shop:worker -n shop",
            id="a right is missing in a namespace",
        ),
        pytest.param(
            status(403, CANNOT.format("delete", "x.dev") + " at the cluster scope", "Forbidden"),
            Denied,
            "in the whole cluster; an admin can allow it: kubectl create clusterrole "
            "worker-configmaps.x.dev --verb=get,list,watch,delete --resource=configmaps.x.dev && "
            "kubectl create clusterrolebinding",
            id="a right is missing in the cluster",
        ),
        pytest.param(
            status(
                403,
                'serviceaccounts "worker" is forbidden: User "system:serviceaccount:o:o" cannot '
                'impersonate resource "serviceaccounts" in API group "" in the namespace "shop"',
            ),
            Denied,
            "the operator (system:serviceaccount:o:o) may not impersonate serviceaccounts",
            id="the operator lacks its own right",
        ),
        pytest.param(
            status(403, 'admission webhook "w.example.com" denied the request: not on Fridays'),
            RejectedByAdmission,
            "w.example.com refused it: ",
            id="an admission webhook",
        ),
        pytest.param(
            status(500, DOWN, "InternalError"),
            Busy,
            "the admission webhook v.example.com does not answer",
            id="an admission webhook that is down",
        ),
        pytest.param(
            status(500, "etcdserver: request is too large"), TooLarge, "cut it", id="etcd"
        ),
        pytest.param(status(413, "limit is 3145728"), TooLarge, "cut it", id="too large"),
        pytest.param(
            status(500, "failed to create typed patch object: .spec.x: field not declared"),
            Invalid,
            "field not declared",
            id="a field that the schema does not have",
        ),
        pytest.param(status(409, "the object has been modified", "Conflict"), Changed, "modified", id="changed"),
        pytest.param(
            status(404, 'configmaps "settings" not found', "NotFound", name="settings", kind="configmaps"),
            Changed,
            "deleted meanwhile",
            id="deleted between",
        ),
        pytest.param((502, "<html>canary</html>"), Busy, "Bad Gateway", id="something in between"),
    ],
)  # fmt: skip
async def test_a_refusal_says_what_it_is_and_what_to_do(
    stage: Stage, reply: Reply, kind: type[ObjectError], words: str
) -> None:
    stage.reply = reply
    with pytest.raises(kind) as caught:
        await stage.apply()
    assert type(caught.value) is kind
    said = str(caught.value)
    assert words in said
    assert said.startswith("cannot apply ConfigMap shop/settings as ServiceAccount shop/worker: ")
    assert "canary" not in said


async def test_a_busy_server_says_when_to_come_back(stage: Stage) -> None:
    stage.reply = (429, {"kind": "Status", "message": "later"}, {"Retry-After": "60"})
    with pytest.raises(Busy) as caught:
        await stage.apply()
    assert caught.value.retry_after == timedelta(seconds=60)
    assert caught.value.passing


async def test_secrets_are_taken_out_of_what_the_server_says(stage: Stage) -> None:
    encoded = base64.b64encode(CANARY.encode()).decode()
    message = f'data.a: Invalid value: "{CANARY}" ({encoded}), known-secret'
    stage.reply = status(422, message, "Invalid", causes=[{"field": "data.a", "message": "x"}])
    with pytest.raises(Invalid) as caught:
        await stage.apply(config_map(a=Tainted(CANARY)))
    assert str(caught.value).endswith('Invalid value: "(secret)" ((secret)), [redacted]')
    assert caught.value.fields == ("data.a",)


async def test_a_secret_that_comes_back_is_tainted_and_what_names_the_object_is_not(
    stage: Stage,
) -> None:
    metadata = {"name": CANARY, "uid": "u", "annotations": {"a": f"x{CANARY}x"}}
    stage.reply = (200, {"metadata": metadata, "data": {"a": CANARY, "b": "plain"}})
    made = await stage.apply(config_map(a=Tainted(CANARY)))
    assert made["data"] == {"a": Tainted(CANARY), "b": "plain"}
    assert made["metadata"]["name"] == CANARY
    assert isinstance(made["metadata"]["annotations"]["a"], Tainted)


async def test_the_values_of_a_secret_are_tainted_and_made_known(stage: Stage) -> None:
    token = base64.b64encode(CANARY.encode()).decode()
    data = {"token": token, "username": "Ym9i", "HOST": "ZGIuc2hvcC5zdmM="}
    stage.reply = (200, {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": data})
    live = await stage.objects.get(ObjectId("", "Secret", "shop", "keys", "v1"), WORKER)
    assert live is not None
    assert live["data"]["token"] == Tainted(data["token"])
    assert stage.secrets == [CANARY]


async def test_a_list_is_read_in_pages_and_is_bounded(stage: Stage) -> None:
    page = {"items": [{"metadata": {"name": str(i)}} for i in range(500)]}
    stage.reply = (200, page | {"metadata": {"continue": "more"}})
    with pytest.raises(TooLarge, match="more than 5000"):
        await stage.objects.find("", "ConfigMap", "shop", {"a": "b", "c": "d"}, WORKER)
    assert stage.sent.query == {"labelSelector": "a=b,c=d", "limit": "500", "continue": "more"}
    stage.reply = (200, {"items": [{"metadata": {"name": "x"}}], "metadata": {}})
    (found,) = await stage.objects.find("", "ConfigMap", "shop", {}, WORKER)
    assert found["kind"] == "ConfigMap"


async def test_a_deletion_is_of_this_very_object(stage: Stage) -> None:
    assert await stage.objects.delete(TARGET, WORKER, uid="u", resource_version="7")
    assert stage.sent.body["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    assert stage.sent.body["propagationPolicy"] == "Background"
