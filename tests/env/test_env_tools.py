"""The tools of the env tests hold against the real API server what they promise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from ebbflow.api.crd import UNSEEN
from ebbflow.devcluster.cluster import ControlPlane
from tests.support.api_client import ApiClient, ApiError
from tests.support.apifaults import Answer, matching
from tests.support.apiproxy import ApiProxy
from tests.support.audit import AuditLog
from tests.support.builders import document, template
from tests.support.canary import Canary, CanarySearch
from tests.support.installation import OPERATOR_USER, operator_kubeconfig
from tests.support.kubectl import Kubectl, condition_of
from tests.support.waiting import eventually

AGENT = "ebbflow-tests/tools"


@pytest.fixture
def proxied(cluster: ControlPlane, proxy: ApiProxy) -> ApiClient:
    """A client with the operator's rights, through the proxy."""
    return ApiClient(operator_kubeconfig(cluster, server=proxy.url), AGENT)


def templates(namespace: str, name: str = "") -> str:
    return f"/apis/ebbflow.dev/v1alpha1/namespaces/{namespace}/templates/{name}".rstrip("/")


def make_shop(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(template("shop").within(namespace).holding(document({"REPLICAS": "2"})).build())


def patch_status(client: ApiClient, namespace: str) -> None:
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "InStep",
        "message": "ok",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    client.call(
        "PATCH",
        templates(namespace, "shop") + "/status",
        {"status": {"conditions": [condition]}},
        content_type="application/merge-patch+json",
    )


def test_the_proxy_and_the_audit_log_count_the_same_requests(
    proxied: ApiClient, proxy: ApiProxy, audit: AuditLog, kubectl: Kubectl, namespace: str
) -> None:
    make_shop(kubectl, namespace)
    start = audit.mark()
    proxied.call("GET", templates(namespace))
    proxied.call("GET", templates(namespace, "shop"))
    patch_status(proxied, namespace)
    seen = audit.since(start).where(user=OPERATOR_USER, user_agent=AGENT)
    assert seen.counts() == proxy.counts()
    assert seen.counts() == {
        ("list", "templates"): 1,
        ("get", "templates"): 1,
        ("patch", "templates/status"): 1,
    }
    assert [request.verb for request in seen.writes()] == ["patch"]


def test_a_watch_through_the_proxy_shows_what_happens_and_can_be_ended_with_410(
    proxied: ApiClient, proxy: ApiProxy, kubectl: Kubectl, namespace: str
) -> None:
    lines: list[bytes] = []

    def watch() -> None:
        lines.extend(proxied.get(templates(namespace) + "?watch=true").splitlines())

    watching = threading.Thread(target=watch)
    watching.start()
    (stream,) = eventually(proxy.watches, 5, "the watch to be open")
    make_shop(kubectl, namespace)
    eventually(lambda: stream.lines, 5, "an event to pass")
    proxy.inject_error(410)
    watching.join(5)
    assert b'"ADDED"' in lines[0]
    assert b'"ERROR"' in lines[-1]


def test_a_conflict_by_the_proxy_leaves_the_object_alone(
    proxied: ApiClient, proxy: ApiProxy, kubectl: Kubectl, namespace: str
) -> None:
    make_shop(kubectl, namespace)
    with (
        proxy.before(matching(resource="templates/status"), Answer(409)),
        pytest.raises(ApiError, match="409: injected by the test"),
    ):
        patch_status(proxied, namespace)
    assert kubectl.get("Template", "shop", namespace)["status"] == {"conditions": [UNSEEN]}
    patch_status(proxied, namespace)
    ready = condition_of(kubectl.wait_condition("Template", "shop", namespace), "Ready")
    assert ready is not None
    assert ready["reason"] == "InStep"


def test_a_condition_of_an_older_generation_counts_for_nothing(
    proxied: ApiClient, kubectl: Kubectl, namespace: str
) -> None:
    make_shop(kubectl, namespace)
    patch_status(proxied, namespace)
    edit = {"spec": {"document": {"arguments": {"REPLICAS": "5"}}}}
    kubectl.patch("Template", "shop", namespace, edit)
    with pytest.raises(AssertionError, match="to be Ready=True"):
        kubectl.wait_condition("Template", "shop", namespace, timeout=0.1)


def test_the_real_kubectl_edit_changes_what_the_expression_says(
    kubectl: Kubectl, namespace: str
) -> None:
    make_shop(kubectl, namespace)
    kubectl.kubectl_edit("Template", "shop", namespace, 's/REPLICAS: "2"/REPLICAS: "7"/')
    seen = kubectl.get("Template", "shop", namespace)
    assert seen["spec"]["document"]["arguments"] == {"REPLICAS": "7"}


@pytest.mark.usefixtures("rbac_usage")
def test_a_refusal_on_purpose_is_in_the_audit_log_and_does_not_fail_the_session(
    cluster: ControlPlane,
    audit: AuditLog,
    forbidden_on_purpose: Callable[[str], AbstractContextManager[None]],
) -> None:
    start = audit.mark()
    client = ApiClient(operator_kubeconfig(cluster), "ebbflow/refused")
    with forbidden_on_purpose("nobody lists Secrets"), pytest.raises(ApiError, match="403"):
        client.call("GET", "/api/v1/secrets")
    (refused,) = audit.since(start).where(user=OPERATOR_USER, user_agent="ebbflow/refused")
    assert (refused.verb, refused.resource, refused.allowed) == ("list", "secrets", False)


def test_a_planted_password_is_found_in_real_objects(kubectl: Kubectl, namespace: str) -> None:
    canary, search = Canary.generate(), CanarySearch()
    search.add(canary)
    make_shop(kubectl, namespace)
    search.look_at_cluster(kubectl.api.get)
    search.verify()
    leak = document({"PASSWORD": canary.value})
    kubectl.apply(template("leak").within(namespace).holding(leak).build())
    search.look_at_cluster(kubectl.api.get)
    assert search.found == [f"templates {namespace}/leak"]
    kubectl.delete("Template", "leak", namespace)
