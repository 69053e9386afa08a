"""Request lines are read as the API server reads them."""

from __future__ import annotations

import pytest

from tests.support.kube_request import Target, read_target

TPL = "/apis/ebbflow.dev/v1alpha1"


@pytest.mark.parametrize(
    ("line", "verb", "resource", "where"),
    [
        pytest.param(f"GET {TPL}/templates", "list", "templates", "/", id="list-everywhere"),
        pytest.param(
            f"GET {TPL}/namespaces/a/templates", "list", "templates", "a/", id="list-in-namespace"
        ),
        pytest.param(f"GET {TPL}/templates?watch=true", "watch", "templates", "/", id="watch"),
        pytest.param(
            f"GET {TPL}/templates?allowWatchBookmarks=true&watch=1",
            "watch",
            "templates",
            "/",
            id="watch-with-1",
        ),
        pytest.param(
            f"GET {TPL}/templates?watch=false", "list", "templates", "/", id="watch-false-is-list"
        ),
        pytest.param(f"GET {TPL}/namespaces/a/templates/t", "get", "templates", "a/t", id="get"),
        pytest.param(
            f"POST {TPL}/namespaces/a/templates", "create", "templates", "a/", id="create"
        ),
        pytest.param(
            f"PUT {TPL}/namespaces/a/templates/t", "update", "templates", "a/t", id="update"
        ),
        pytest.param(
            f"PATCH {TPL}/namespaces/a/templates/t/status",
            "patch",
            "templates/status",
            "a/t",
            id="patch-status",
        ),
        pytest.param(
            f"DELETE {TPL}/namespaces/a/templates/t", "delete", "templates", "a/t", id="delete"
        ),
        pytest.param(
            f"DELETE {TPL}/namespaces/a/templates",
            "deletecollection",
            "templates",
            "a/",
            id="delete-collection",
        ),
        pytest.param(
            "GET /api/v1/namespaces/a/secrets/s", "get", "secrets", "a/s", id="core-group"
        ),
        pytest.param("GET /api/v1/namespaces/a", "get", "namespaces", "a/a", id="a-namespace"),
        pytest.param("GET /api/v1/namespaces", "list", "namespaces", "/", id="namespaces"),
        pytest.param(
            "PUT /api/v1/namespaces/a/finalize",
            "update",
            "namespaces/finalize",
            "a/a",
            id="namespace-finalize",
        ),
        pytest.param("GET /version", "get", "", "/", id="version"),
        pytest.param("GET /apis", "get", "", "/", id="discovery-of-groups"),
        pytest.param(f"GET {TPL}", "get", "", "/", id="discovery-of-a-group"),
    ],
)
def test_a_request_line_has_the_verb_and_object_of_the_audit_log(line, verb, resource, where):
    method, _, rest = line.partition(" ")
    path, _, query = rest.partition("?")
    target = read_target(method, path, query)
    assert (target.verb, target.full_resource) == (verb, resource)
    assert f"{target.namespace}/{target.name}" == where


def test_only_what_changes_something_is_a_write():
    verbs = {
        "get": False,
        "list": False,
        "watch": False,
        "create": True,
        "update": True,
        "patch": True,
        "delete": True,
        "deletecollection": True,
    }
    assert {verb: Target(verb).is_write for verb in verbs} == verbs
