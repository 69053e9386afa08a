"""The status writer, request by request, and events that do not get through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.events import EventRecorder, clip_bytes, event
from ebbflow.adapters.kube.own_writes import OwnWrites
from ebbflow.adapters.kube.status import TRIES, KubeStatusWriter
from ebbflow.api.base import JsonObject
from ebbflow.api.reasons import Reason
from ebbflow.api.template import Template
from ebbflow.domain.outcome import Done, Notice, Report, Stalled
from ebbflow.domain.ports import ClusterError, StaleWrite
from tests.support.cluster_contract import PENDING
from tests.support.fake_kube_api import FakeApi, Reply, Request, refusal
from tests.support.memory_cluster import ManualClock

META = {
    "name": "shop",
    "namespace": "default",
    "uid": "u",
    "resourceVersion": "7",
    "generation": 2,
}
READY = {
    "type": "Ready",
    "status": "True",
    "observedGeneration": 2,
    "reason": "InStep",
    "message": "In step",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
IN_STEP = Done(Reason.IN_STEP, "In step")
STALLED = Stalled(Reason.CONFLICT, "Both sides changed")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def template(status: JsonObject | None = None) -> Template:
    return Template.parse({"metadata": META, **({"status": status} if status else {})})


def stored(version: str = "8", uid: str = "u") -> Reply:
    return (200, {"metadata": META | {"resourceVersion": version, "uid": uid}})


@pytest.fixture
def own_writes() -> OwnWrites:
    return OwnWrites()


@pytest.fixture
def writer(client: KubeClient, own_writes: OwnWrites) -> KubeStatusWriter:
    redact: Callable[[str], str] = lambda text: text.replace("canary", "[redacted]")  # noqa: E731
    events = EventRecorder(client, "pod-1")
    return KubeStatusWriter(client, events, own_writes, ManualClock(), redact)


def written(api: FakeApi) -> list[Request]:
    return [seen for seen in api.requests if seen.method == "PATCH"]


def announced(api: FakeApi) -> list[str]:
    return [seen.body["reason"] for seen in api.requests if seen.path.endswith("/events")]


def versions(api: FakeApi) -> list[str]:
    """Return the versions that statuses were written over."""
    return [seen.body[0]["value"] for seen in written(api)]


def fields(seen: Request) -> JsonObject:
    """Return what a patch puts into the status, by path."""
    return {step["path"]: step.get("value") for step in seen.body[1:]}


async def test_a_status_is_one_patch_over_the_version_that_was_read(
    writer: KubeStatusWriter, api: FakeApi, own_writes: OwnWrites
) -> None:
    api.replies = [stored()]
    await writer.write(Report(template(), IN_STEP, {"sync": {"commit": "c"}, "queue": ["x"]}))
    (seen,) = written(api)
    assert seen.path.endswith("/templates/shop/status")
    assert seen.query == {"fieldManager": "ebbflow-status"}
    assert seen.headers["Content-Type"] == "application/json-patch+json"
    assert versions(api) == ["7"]
    assert set(fields(seen)) == {
        "/status",
        "/status/conditions",
        "/status/observedGeneration",
        "/status/sync",
    }
    assert own_writes.is_own("u", "8")


async def test_only_what_changed_is_sent_and_what_is_gone_is_removed(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    foreign = READY | {"type": "Checked"}
    status = {
        "conditions": [READY, foreign],
        "observedGeneration": 2,
        "sync": {"commit": "c" * 40, "pendingWrite": PENDING.dump()},
        "effective": {"concurrencyPolicy": "Allow", "runOnUpdate": True},
        "active": ["shop-1"],
    }
    api.replies = [stored()]
    await writer.write(Report(template(status), STALLED, {"sync": {"commit": "c" * 40}}))
    (seen,) = written(api)
    sent = fields(seen)
    assert set(sent) == {"/status/conditions", "/status/effective"}
    assert seen.body[-1] == {"op": "remove", "path": "/status/effective"}
    types = [condition["type"] for condition in sent["/status/conditions"]]
    assert types == ["Ready", "Stalled", "Checked"]


async def test_a_record_of_a_commit_under_way_stays_in_a_new_status(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    status = {"conditions": [READY], "sync": {"commit": "c" * 40, "pendingWrite": PENDING.dump()}}
    api.replies = [stored()]
    await writer.write(Report(template(status), IN_STEP, {"sync": {"commit": "d" * 40}}))
    (seen,) = written(api)
    assert fields(seen)["/status/sync"] == {"commit": "d" * 40, "pendingWrite": PENDING.dump()}


async def test_what_the_queue_says_goes_with_a_status(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    status = {"conditions": [READY], "observedGeneration": 2}
    api.replies = [stored()]
    report = Report(template(status), IN_STEP, queue={"active": ["shop-1"], "fence": 3})
    assert await writer.write(report) is not None
    (seen,) = written(api)
    assert fields(seen) == {"/status/active": ["shop-1"], "/status/fence": 3}


async def test_what_the_queue_says_goes_with_nothing_but_what_it_was_decided_on(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    api.replies = [refusal(409, "changed"), stored("9"), stored("10")]
    report = Report(template(), IN_STEP, queue={"active": ["shop-1"]})
    assert await writer.write(report) is None
    first, second = written(api)
    assert "/status/active" in fields(first)
    assert "/status/active" not in fields(second)


async def test_a_second_pass_writes_nothing(writer: KubeStatusWriter, api: FakeApi) -> None:
    status = {"conditions": [READY], "observedGeneration": 2, "sync": {"commit": "c"}}
    await writer.write(Report(template(status), IN_STEP, {"sync": {"commit": "c"}}))
    assert api.requests == []


async def test_a_status_follows_an_object_that_others_change(
    writer: KubeStatusWriter, api: FakeApi, own_writes: OwnWrites
) -> None:
    api.replies = [refusal(409, "changed"), stored("9"), stored("10")]
    await writer.write(Report(template(), IN_STEP))
    assert versions(api) == ["7", "9"]
    assert not own_writes.is_own("u", "10")


async def test_a_status_is_given_up_while_others_keep_changing(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    api.otherwise = lambda seen: refusal(409, "changed") if seen.method == "PATCH" else stored("9")
    with pytest.raises(StaleWrite):
        await writer.write(Report(template(), IN_STEP))
    assert len(written(api)) == TRIES


async def test_another_object_of_the_name_is_left_alone(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    api.replies = [refusal(409, "changed"), stored("9", uid="another")]
    with pytest.raises(StaleWrite):
        await writer.write(Report(template(), IN_STEP))
    assert len(written(api)) == 1


async def test_an_object_that_went_needs_no_status_and_no_event(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    api.replies = [refusal(404, "not found"), refusal(404, "not found")]
    await writer.write(Report(template(), IN_STEP))
    assert announced(api) == []


@pytest.mark.parametrize(("code", "found"), [(422, [stored("7")]), (413, [])])
async def test_a_refused_status_is_explained_and_the_old_one_stays(
    writer: KubeStatusWriter, api: FakeApi, code: int, found: list[Reply]
) -> None:
    status = {"conditions": [READY], "observedGeneration": 2, "sync": {"commit": "old"}}
    api.replies = [refusal(code, "status.sync.commit: too long"), *found, stored()]
    await writer.write(Report(template(status), IN_STEP, {"sync": {"commit": "new"}}))
    second = fields(written(api)[1])
    assert "/status/sync" not in second
    conditions = second["/status/conditions"]
    assert [c["type"] for c in conditions] == ["Ready", "Reconciling"]
    assert "status.sync.commit: too long" in conditions[0]["message"]
    assert announced(api) == ["ClusterError"]


async def test_other_refusals_are_raised_but_notices_are_out(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    api.replies = [refusal(403, "forbidden")]
    notice = Notice(Reason.EDIT_REVERTED, "Reverted")
    with pytest.raises(ClusterError):
        await writer.write(Report(template(), IN_STEP, notices=(notice,)))
    assert announced(api) == ["EditReverted"]


async def test_a_known_secret_reaches_neither_status_nor_event(
    writer: KubeStatusWriter, api: FakeApi
) -> None:
    api.replies = [stored()]
    stalled = Stalled(Reason.PUSH_REJECTED, "the server said canary")
    notice = Notice(Reason.EDIT_REVERTED, "canary")
    await writer.write(Report(template(), stalled, notices=(notice,)))
    assert len(api.requests) == 3
    assert "canary" not in str([seen.body for seen in api.requests])


async def test_an_event_that_is_refused_is_only_logged(
    client: KubeClient, api: FakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.replies = [refusal(403, "events is forbidden"), refusal(409, "already exists")]
    recorder = EventRecorder(client, "pod-1")
    notice = Notice(Reason.EDIT_REVERTED, "Reverted")
    await recorder.emit(template(), notice, NOW)
    assert "event EditReverted not recorded" in caplog.text
    caplog.clear()
    await recorder.emit(template(), notice, NOW)
    assert caplog.text == ""


def test_an_event_has_its_parts() -> None:
    made = event(template(), Notice(Reason.CONFLICT, "n", warning=True), NOW, "pod-1")
    assert made["type"] == "Warning"
    assert made["reportingController"] == "ebbflow.dev/operator"
    assert made["reportingInstance"] == "pod-1"
    assert made["regarding"]["uid"] == "u"
    assert made["metadata"]["namespace"] == "default"
    assert made["metadata"]["name"].startswith("shop.")


def test_the_same_event_has_the_same_name_and_another_another() -> None:
    notice = Notice(Reason.CONFLICT, "n")
    names = [
        event(template(), notice, moment, "i")["metadata"]["name"]
        for moment in (NOW, NOW, NOW.replace(second=1))
    ]
    assert names[0] == names[1] != names[2]


@given(st.text(max_size=2000), st.integers(3, 1024))
def test_a_note_fits_in_bytes_and_keeps_its_beginning(text: str, limit: int) -> None:
    clipped = clip_bytes(text, limit)
    assert len(clipped.encode()) <= limit
    whole = text.encode(errors="replace").decode()
    assert clipped == whole or whole.startswith(clipped.removesuffix("…"))
