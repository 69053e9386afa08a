"""The client sends who it is, tells refusals apart, and outlives a restarted server."""

from __future__ import annotations

import pytest
import yaml

from tests.support.api_client import ApiClient, ApiError
from tests.support.apifaults import Answer, Cut, matching
from tests.support.apiproxy import ApiProxy
from tests.tools.support.fake_api import FakeApi


@pytest.fixture
def api():
    with FakeApi() as fake:
        yield fake


@pytest.fixture
def proxy(api):
    with ApiProxy(api.url) as running:
        yield running


@pytest.fixture
def client(proxy, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": proxy.url}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
    }
    kubeconfig.write_text(yaml.safe_dump(config))
    return ApiClient(kubeconfig, "me")


def test_the_token_of_the_kubeconfig_is_sent(client, api, proxy):
    client.call("GET", "/version", query={"a": "b c"})
    assert api.seen == [("GET", "/version?a=b+c", "Bearer t0ken")]
    assert proxy.requests()[0].user_agent == "me"


def test_a_refusal_has_its_code_and_the_words_of_the_server(client, proxy):
    proxy.before(matching(), Answer(409, "changed meanwhile"))
    with pytest.raises(ApiError, match="409: changed meanwhile") as raised:
        client.call("GET", "/version")
    assert raised.value.code == 409


def test_a_connection_that_the_server_forgot_is_made_anew(client, proxy):
    client.call("GET", "/version")
    proxy.before(matching(), Cut(), times=1)
    assert client.call("GET", "/version")["path"] == "/version"


def test_a_server_that_is_gone_is_told(client, proxy):
    proxy.before(matching(), Cut())
    with pytest.raises(ConnectionError):
        client.call("GET", "/version")
