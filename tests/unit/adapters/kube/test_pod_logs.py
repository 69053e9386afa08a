"""Reading the end of a log and warnings: what is asked for, how much is taken, what refusals say."""

from __future__ import annotations

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.pod_logs import ASKED_BYTES, SETTLING_READS, KubePodLogs
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.domain.objects import (
    Account,
    Busy,
    Changed,
    Denied,
    ObjectError,
    ObjectId,
    SystemNamespace,
)
from ebbflow.domain.pods.logs import Container
from tests.support.fake_kube_api import FakeApi

ROBOT = Account("shop", "robot")
MAIN = Container("shop", "migrate-x", "main")
JOB = ObjectId("batch", "Job", "shop", "migrate", "v1")


@pytest.fixture
def logs(client: KubeClient) -> KubePodLogs:
    system = SystemNamespaces(("ebbflow-system",))
    return KubePodLogs(client, system, lambda text: text.replace("hunter2", "[redacted]"), at_once)


async def at_once(_: float) -> None:
    """Let no time go by."""


def events(*found: tuple[str, str]) -> tuple[int, object]:
    items = [{"lastTimestamp": time, "message": words} for time, words in found]
    return 200, {"kind": "EventList", "items": items}


async def test_the_end_of_a_log_is_asked_for_as_the_tenant(logs: KubePodLogs, api: FakeApi) -> None:
    api.replies = [(200, "one\ntwo\n")]
    assert await logs.tail(MAIN, ROBOT, ended=True) == "one\ntwo\n"
    (request,) = api.requests
    assert request.path == "/api/v1/namespaces/shop/pods/migrate-x/log"
    assert request.query == {"container": "main", "tailLines": "100", "limitBytes": "65536"}
    assert request.headers["Impersonate-User"] == "system:serviceaccount:shop:robot"


async def test_where_the_server_cut_long_lines_fewer_are_asked_for(
    logs: KubePodLogs, api: FakeApi
) -> None:
    api.replies = [(200, "x" * ASKED_BYTES), (200, "x" * ASKED_BYTES), (200, "the end\n")]
    assert await logs.tail(MAIN, ROBOT, ended=True) == "the end\n"
    assert [request.query["tailLines"] for request in api.requests] == ["100", "10", "1"]


async def test_a_server_that_sends_more_than_was_asked_for_is_not_heard_out(
    logs: KubePodLogs, api: FakeApi
) -> None:
    api.otherwise = lambda _: (200, "x" * 10 * ASKED_BYTES)
    assert len(await logs.tail(MAIN, ROBOT, ended=True)) == ASKED_BYTES


async def test_a_log_that_ends_within_a_line_is_read_until_it_stays_the_same(
    logs: KubePodLogs, api: FakeApi
) -> None:
    api.replies = [(200, "one\ntw"), (200, "one\ntwo\nthr"), (200, "one\ntwo\nthree\n")]
    assert await logs.tail(MAIN, ROBOT, ended=True) == "one\ntwo\nthree\n"
    api.replies = [(200, "no newline"), (200, "no newline")]
    assert await logs.tail(MAIN, ROBOT, ended=True) == "no newline"
    assert api.replies == []


async def test_a_log_that_goes_on_growing_is_read_so_many_times(
    logs: KubePodLogs, api: FakeApi
) -> None:
    api.otherwise = lambda _: (200, "x" * len(api.requests))
    assert await logs.tail(MAIN, ROBOT, ended=True) == "x" * (SETTLING_READS + 1)


async def test_the_log_of_a_container_that_goes_on_is_read_once(
    logs: KubePodLogs, api: FakeApi
) -> None:
    api.otherwise = lambda _: (200, "." * len(api.requests))
    assert await logs.tail(MAIN, ROBOT, ended=False) == "."
    assert len(api.requests) == 1


async def test_known_secrets_are_taken_out(logs: KubePodLogs, api: FakeApi) -> None:
    api.replies = [(200, "password=hunter2\n"), events(("1", "no hunter2"))]
    assert await logs.tail(MAIN, ROBOT, ended=True) == "password=[redacted]\n"
    assert await logs.warning(JOB, ROBOT) == "no [redacted]"


async def test_the_newest_warning_counts(logs: KubePodLogs, api: FakeApi) -> None:
    api.replies = [events(("2026-11-21T12:00:02Z", "newer"), ("2026-11-21T12:00:01Z", "older"))]
    assert await logs.warning(JOB, ROBOT) == "newer"
    selector = "involvedObject.kind=Job,involvedObject.name=migrate,type=Warning"
    assert api.requests[0].query == {"fieldSelector": selector, "limit": "100"}
    api.replies = [events()]
    assert await logs.warning(JOB, ROBOT) == ""


FORBIDDEN = (
    'pods "migrate-x" is forbidden: User "system:serviceaccount:shop:robot" cannot get resource '
    '"pods/log" in API group "" in the namespace "shop"'
)


@pytest.mark.parametrize(
    ("code", "words", "error", "said"),
    [
        pytest.param(403, FORBIDDEN, Denied, "--resource=pods/log -n shop", id="no-right"),
        pytest.param(404, 'pods "migrate-x" not found', Changed, "does not exist", id="gone"),
        pytest.param(500, "the kubelet does not answer", Busy, "kubelet does not", id="no-kubelet"),
    ],
)
async def test_refusals_say_what_helps(
    logs: KubePodLogs,
    api: FakeApi,
    code: int,
    words: str,
    error: type[ObjectError],
    said: str,
) -> None:
    status = {"kind": "Status", "message": words, "details": {"kind": "pods", "name": "migrate-x"}}
    api.otherwise = lambda _: (code, status)
    with pytest.raises(error, match=said):
        await logs.tail(MAIN, ROBOT, ended=True)


async def test_namespaces_of_the_system_are_never_asked_for(
    logs: KubePodLogs, api: FakeApi
) -> None:
    with pytest.raises(SystemNamespace):
        await logs.tail(Container("kube-system", "etcd", "etcd"), ROBOT, ended=True)
    with pytest.raises(SystemNamespace):
        await logs.warning(ObjectId("", "Pod", "kube-system", "etcd"), ROBOT)
    assert api.requests == []
