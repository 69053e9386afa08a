"""What the contract cannot show: requests one by one."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.events import EventRecorder
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.run_store import KubeRunStore
from ebbflow.adapters.kube.snapshots import pack, unpack
from ebbflow.api.base import JsonObject, Key
from ebbflow.api.run import Run, RunSpec, RunStatus
from ebbflow.api.template import Template
from ebbflow.domain.ports import ClusterError, StaleWrite
from ebbflow.domain.run_store import NewRun, Snapshot
from ebbflow.domain.runs.queue import QueueState
from tests.support.fake_kube_api import FakeApi, Reply, refusal
from tests.support.memory_cluster import ManualClock

META = {"name": "shop-1", "namespace": "default", "uid": "u", "resourceVersion": "7"}
SPEC = {"source": {"kind": "Template", "name": "shop"}}
RUN = Run.parse({"metadata": META, "spec": SPEC, "status": {"phase": "Queued"}})
PARENT = Template.parse({"metadata": META | {"name": "shop"}, "status": {"active": ["a"]}})
SNAPSHOT = Snapshot("shop-abc", {"document": {"a": 1}})
REVISIONS = "/apis/apps/v1/namespaces/default/controllerrevisions"


def taken(reason: str) -> Reply:
    return (409, {"kind": "Status", "reason": reason, "message": reason})


def revision(data: object, **metadata: str) -> Reply:
    return (200, {"metadata": {"name": "shop-abc", **metadata}, "data": data})


@pytest.fixture
def store(client: KubeClient) -> KubeRunStore:
    events = EventRecorder(client, "tester-1")
    return KubeRunStore(client, events, OwnWrites(), ManualClock(), lambda text: text, lambda: None)


async def test_a_queue_is_one_patch_of_what_changed(store: KubeRunStore, api: FakeApi) -> None:
    api.replies = [(200, {"metadata": META | {"name": "shop"}})]
    await store.write_queue(PARENT, QueueState(active=("a",), queue=("b",), fence=2))
    (seen,) = api.requests
    assert (seen.method, seen.path) == ("PATCH", f"{path('templates', 'shop')}/status")
    assert seen.query == {"fieldManager": "ebbflow-queue"}
    assert seen.body == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/status/queue", "value": ["b"]},
        {"op": "add", "path": "/status/fence", "value": 2},
    ]


async def test_a_status_is_one_patch_of_the_whole(store: KubeRunStore, api: FakeApi) -> None:
    api.replies = [(200, {"metadata": META, "spec": SPEC})]
    await store.write_status(RUN, RunStatus(phase="Running", fence=2))
    (seen,) = api.requests
    assert seen.query == {"fieldManager": "ebbflow-status"}
    new = {"conditions": [], "observedGeneration": 0, "phase": "Running", "fence": 2}
    assert seen.body == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/status", "value": new},
    ]


async def test_a_run_is_deleted_only_if_it_is_this_one(store: KubeRunStore, api: FakeApi) -> None:
    await store.delete(RUN)
    (seen,) = api.requests
    assert (seen.method, seen.path) == ("DELETE", path("runs", "shop-1"))
    assert seen.body["preconditions"] == {"uid": "u"}


async def test_a_conflict_that_is_not_about_the_name_is_no_taken_name(
    store: KubeRunStore, api: FakeApi
) -> None:
    new = NewRun("shop-1", PARENT, RunSpec.model_validate(SPEC), "key")
    api.replies = [taken("Conflict"), taken("AlreadyExists")]
    with pytest.raises(StaleWrite):
        await store.create(new)
    assert await store.create(new) is None


async def test_a_run_that_does_not_fit_is_left_out_and_named(
    store: KubeRunStore, api: FakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {"metadata": META | {"name": "odd"}, "spec": {}}
    fine = {"metadata": META, "spec": SPEC}
    api.replies = [(200, {"metadata": {}, "items": [odd, fine]})]
    with caplog.at_level(logging.WARNING):
        found = await store.runs_of(Key("Template", "default", "shop"))
    assert [run.metadata.name for run in found] == ["shop-1"]
    assert "Run/default/odd: spec.source: Field required" in caplog.text
    (seen,) = api.requests
    assert seen.query == {
        "fieldSelector": "spec.source.kind=Template,spec.source.name=shop",
        "limit": "500",
    }


async def test_a_snapshot_that_goes_while_it_is_shared_is_made_anew(
    store: KubeRunStore, api: FakeApi
) -> None:
    api.replies = [taken("AlreadyExists"), refusal(404, "gone", "shop-abc"), (201, {})]
    await store.keep(SNAPSHOT, RUN)
    assert [(seen.method, seen.path) for seen in api.requests] == [
        ("POST", REVISIONS),
        ("PATCH", f"{REVISIONS}/shop-abc"),
        ("POST", REVISIONS),
    ]


async def test_a_snapshot_that_comes_and_goes_is_left_for_the_next_pass(
    store: KubeRunStore, api: FakeApi
) -> None:
    api.replies = [taken("AlreadyExists"), refusal(404, "gone", "shop-abc")] * 3
    with pytest.raises(StaleWrite, match="comes and goes"):
        await store.keep(SNAPSHOT, RUN)


async def test_a_snapshot_that_is_being_deleted_is_waited_for(
    store: KubeRunStore, api: FakeApi
) -> None:
    going = revision(pack(SNAPSHOT.content), deletionTimestamp="2026-01-02T03:04:05Z")
    api.replies = [taken("AlreadyExists"), going]
    with pytest.raises(StaleWrite, match="default/shop-abc is being deleted"):
        await store.keep(SNAPSHOT, RUN)


async def test_a_snapshot_whose_data_cannot_be_patched_is_not_ours(
    store: KubeRunStore, api: FakeApi
) -> None:
    api.replies = [taken("AlreadyExists"), refusal(422, "data: field is immutable")]
    with pytest.raises(ClusterError, match="another document than its name says; delete it"):
        await store.keep(SNAPSHOT, RUN)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(None, id="none"),
        pytest.param({"spec": {"template": {}}}, id="of a StatefulSet"),
        pytest.param({"json": "{"}, id="no JSON"),
        pytest.param({"json": "[]"}, id="no object"),
        pytest.param({"json": 5}, id="no text"),
    ],
)
async def test_a_revision_of_somebody_else_is_no_document(
    store: KubeRunStore, api: FakeApi, data: object
) -> None:
    api.replies = [revision(data)]
    with pytest.raises(ClusterError, match="default/shop-abc was not made by ebbflow"):
        await store.read("default", "shop-abc")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)  # fmt: skip


@given(st.dictionaries(st.text(), VALUES))
def test_a_packed_document_is_the_same_to_the_letter(content: JsonObject) -> None:
    packed = pack(content)
    assert json.dumps(unpack(packed)) == json.dumps(content)
    assert not set("<>&\u2028\u2029") & set(json.dumps(packed, ensure_ascii=False))
    packed["json"].encode()


def path(plural: str, name: str) -> str:
    return f"/apis/ebbflow.dev/v1alpha1/namespaces/default/{plural}/{name}"
