"""Requests to the API server: what is sent, what is tried again, what errors say."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import timedelta

import pytest

from ebbflow import __version__
from ebbflow.adapters.kube.answer import ObjectMissing
from ebbflow.adapters.kube.client import CONCURRENCY, KubeClient
from ebbflow.adapters.kube.connection import Connection, ConnectionInfo, Kubeconfig
from ebbflow.domain.ports import ClusterError, StaleWrite
from tests.support.fake_kube_api import TOKEN, Counted, FakeApi, refusal

SHOP = "/apis/ebbflow.dev/v1alpha1/namespaces/default/templates/shop"


async def test_a_request_says_who_asks(client: KubeClient, api: FakeApi) -> None:
    await client.request("GET", SHOP, query={"a": "b c"}, impersonate="system:x:y")
    (seen,) = api.requests
    assert seen.headers["User-Agent"] == f"ebbflow/{__version__}"
    assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["Impersonate-User"] == "system:x:y"
    assert seen.query == {"a": "b c"}


async def test_nobody_is_impersonated_unasked(client: KubeClient, api: FakeApi) -> None:
    await client.request("GET", SHOP, impersonate="someone")
    await client.request("GET", SHOP)
    assert "Impersonate-User" not in api.requests[1].headers


async def test_a_body_is_sent_as_json_of_its_type(client: KubeClient, api: FakeApi) -> None:
    await client.request("PATCH", SHOP, body=[{"ü": 1}], content_type="application/json-patch+json")
    assert api.requests[0].body == [{"ü": 1}]
    assert api.requests[0].headers["Content-Type"] == "application/json-patch+json"


async def test_every_request_is_counted(client: KubeClient, api: FakeApi, counted: Counted) -> None:
    await client.request("GET", SHOP)
    host = api.url.removeprefix("http://")
    assert counted.requests == [("200", "GET", host)]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        pytest.param(409, StaleWrite, id="a conflict is a stale write"),
        pytest.param(404, ObjectMissing, id="a missing object"),
        pytest.param(403, ClusterError, id="forbidden"),
        pytest.param(500, ClusterError, id="an internal error"),
    ],
)
async def test_a_refusal_names_the_request_and_the_servers_words(
    client: KubeClient, api: FakeApi, code: int, error: type[ClusterError]
) -> None:
    api.replies = [refusal(code, "the words\nof the server")]
    with pytest.raises(ClusterError) as caught:
        await client.request("PUT", f"{SHOP}/status")
    assert type(caught.value) is error
    assert caught.value.code == code
    assert str(caught.value) == (
        "cannot update templates.ebbflow.dev/status default/shop: "
        f"the words of the server (HTTP {code})"
    )


async def test_the_servers_words_are_bounded(client: KubeClient, api: FakeApi) -> None:
    api.replies = [refusal(422, "x" * 100_000)]
    with pytest.raises(ClusterError) as caught:
        await client.request("GET", SHOP)
    assert len(str(caught.value)) < 600


async def test_a_body_that_is_no_status_is_not_repeated(client: KubeClient, api: FakeApi) -> None:
    api.replies = [(502, "<html>canary</html>"), (404, "404 page not found"), (599, "")]
    for words in ("Bad Gateway", "install the CustomResourceDefinitions", "no reason given"):
        with pytest.raises(ClusterError, match=words) as caught:
            await client.request("GET", SHOP)
        assert "canary" not in str(caught.value)
        assert not isinstance(caught.value, ObjectMissing)


@pytest.mark.parametrize("body", ["", "[]", "{", "null"])
async def test_an_answer_that_is_no_object_is_an_error(
    client: KubeClient, api: FakeApi, body: str
) -> None:
    api.replies = [(200, body)]
    with pytest.raises(ClusterError, match="not JSON"):
        await client.request("GET", SHOP)


@pytest.mark.parametrize("code", [429, 503])
async def test_the_server_is_given_the_time_it_asks_for(
    client: KubeClient, api: FakeApi, slept: list[float], code: int
) -> None:
    api.replies = [(code, {}, {"Retry-After": "2"}), (code, {}, {"Retry-After": "1"})]
    assert await client.request("PATCH", SHOP, body=[]) == {"kind": "Thing"}
    assert slept == [2.25, 1.125]


async def test_a_server_that_stays_busy_is_left_alone(
    client: KubeClient, api: FakeApi, slept: list[float]
) -> None:
    api.otherwise = lambda _: (429, {}, {"Retry-After": "1"})
    with pytest.raises(ClusterError) as caught:
        await client.request("GET", SHOP)
    assert caught.value.retry_after == timedelta(seconds=1)
    assert len(api.requests) == 4
    assert len(slept) == 3


@pytest.mark.parametrize(
    ("code", "headers"),
    [
        pytest.param(429, {"Retry-After": "11"}, id="a long wait belongs into the queue"),
        pytest.param(503, {}, id="no word of when"),
        pytest.param(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, id="a date"),
        pytest.param(500, {"Retry-After": "1"}, id="an error that is no overload"),
    ],
)
async def test_other_answers_are_not_waited_for(
    client: KubeClient, api: FakeApi, slept: list[float], code: int, headers: dict[str, str]
) -> None:
    api.replies = [(code, {}, headers)]
    with pytest.raises(ClusterError):
        await client.request("GET", SHOP)
    assert slept == []


async def test_an_urgent_request_is_not_repeated(
    client: KubeClient, api: FakeApi, slept: list[float]
) -> None:
    api.replies = [(429, {}, {"Retry-After": "1"})]
    with pytest.raises(ClusterError):
        await client.request("GET", SHOP, urgent=True)
    assert slept == []


async def test_requests_under_way_are_bounded_but_urgent_ones_pass(
    client: KubeClient, api: FakeApi
) -> None:
    full = asyncio.Event()
    go_on = asyncio.Event()

    async def hold() -> None:
        if api.requests[-1].path == "/urgent":
            return
        if len(api.requests) == CONCURRENCY:
            full.set()
        await go_on.wait()

    api.before = hold
    tasks = [asyncio.create_task(client.request("GET", SHOP)) for _ in range(CONCURRENCY + 5)]
    await asyncio.wait_for(full.wait(), 5)
    await client.request("GET", "/urgent", urgent=True)
    assert len(api.requests) == CONCURRENCY + 1
    go_on.set()
    await asyncio.gather(*tasks)
    assert len(api.requests) == CONCURRENCY + 6


async def test_a_redirect_is_not_followed(client: KubeClient, api: FakeApi) -> None:
    api.replies = [(307, {}, {"Location": f"{api.url}/elsewhere"})]
    with pytest.raises(ClusterError):
        await client.request("GET", SHOP)
    assert len(api.requests) == 1


async def test_a_server_that_is_not_there_is_code_zero(counted: Counted) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        server = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = KubeClient(
            Connection(Kubeconfig("/nowhere", None), ConnectionInfo(server, "x")), counted
        )
        with pytest.raises(ClusterError, match="no answer from the API server at 127") as caught:
            await client.request("GET", SHOP)
        await client.close()
    assert caught.value.code == 0
    assert counted.requests[0][0] == "<error>"


async def test_a_refused_token_is_read_again_and_tried_once(
    api: FakeApi, counted: Counted, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = tmp_path / "config"

    def write(token: str) -> None:
        kubeconfig.write_text(
            json.dumps(
                {
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                    "clusters": [{"name": "k", "cluster": {"server": api.url}}],
                    "users": [{"name": "u", "user": {"token": token}}],
                }
            )
        )

    write("old")
    connection = await Connection.open(Kubeconfig(str(kubeconfig), None))
    monkeypatch.setattr("ebbflow.adapters.kube.connection.RENEWAL_PAUSE", 0.0)
    client = KubeClient(connection, counted)
    write("new")
    api.otherwise = lambda seen: (
        (200, {}) if seen.headers["Authorization"] == "Bearer new" else refusal(401, "who?")
    )
    assert await client.request("GET", SHOP) == {}
    assert [seen.headers["Authorization"] for seen in api.requests] == ["Bearer old", "Bearer new"]
    api.otherwise = lambda _: refusal(401, "who?")
    with pytest.raises(ClusterError, match=r"HTTP 401"):
        await client.request("GET", SHOP)
    assert len(api.requests) == 3
    await client.close()
