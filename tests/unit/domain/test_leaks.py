"""Secrets in an edited document: found by their looks or their value, with their path."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.leaks import leaked_path, nothing_is_secret

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        pytest.param({"a": 1, "b": [None, True, "x"]}, None, id="nothing"),
        pytest.param({"a": {"b": TOKEN}}, "a.b", id="a-token"),
        pytest.param({"a": ["x", f"curl -H {TOKEN}"]}, "a[1]", id="inside-a-longer-text"),
        pytest.param({"a b": {"c": TOKEN}}, '["a b"].c', id="an-odd-key"),
        pytest.param({TOKEN: 1}, TOKEN, id="as-a-key"),
        pytest.param({"k": "-----BEGIN RSA PRIVATE KEY-----\nx"}, "k", id="a-private-key"),
        pytest.param({"a": "${secrets.shop.values.token}"}, None, id="an-expression"),
    ],
)
def test_what_looks_like_a_token_is_found(document: dict[str, Any], path: str | None) -> None:
    assert leaked_path(document, {}, nothing_is_secret) == path


def test_the_value_of_a_known_secret_is_found() -> None:
    document = {"steps": [{"env": "correct horse battery"}]}
    assert leaked_path(document, None, lambda text: "horse" in text) == "steps[0].env"


def test_what_the_file_holds_already_blocks_nothing() -> None:
    assert leaked_path({"a": TOKEN, "b": 2}, {"old": TOKEN}, nothing_is_secret) is None
