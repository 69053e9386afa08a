"""Paths, and the words for requests."""

from __future__ import annotations

import pytest

from ebbflow.adapters.kube.naming import APPLY, JSON, JSON_PATCH, describe, path_of
from ebbflow.api.template import Template

OURS = "/apis/ebbflow.dev/v1alpha1/namespaces/shop/templates"


@pytest.mark.parametrize(
    ("method", "path", "content_type", "words"),
    [
        ("GET", f"{OURS}/web", JSON, "get templates.ebbflow.dev shop/web"),
        ("PATCH", f"{OURS}/web", JSON_PATCH, "patch templates.ebbflow.dev shop/web"),
        ("PATCH", f"{OURS}/web/status", APPLY, "apply templates.ebbflow.dev/status shop/web"),
        ("POST", OURS, JSON, "create templates.ebbflow.dev in shop"),
        ("GET", "/api/v1/namespaces/shop/secrets/git", JSON, "get secrets shop/git"),
        ("GET", "/api/v1/namespaces/shop", JSON, "get namespaces shop"),
        ("GET", "/api/v1/namespaces", JSON, "get namespaces"),
        ("DELETE", "/api/v1/nodes/n", JSON, "delete nodes n"),
        ("GET", "/version", JSON, "get /version"),
        ("GET", "/apis/ebbflow.dev/v1alpha1", JSON, "get /apis/ebbflow.dev/v1alpha1"),
    ],
)
def test_a_request_has_words(method: str, path: str, content_type: str, words: str) -> None:
    assert describe(method, path, content_type) == words


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_change_the_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        path_of(Template.declaration, "shop", name)


def test_a_slash_in_a_name_stays_in_its_segment() -> None:
    assert path_of(Template.declaration, "shop", "a/../b", "status") == f"{OURS}/a%2F..%2Fb/status"
