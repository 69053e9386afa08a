"""Texts where Kubernetes wants texts, whatever a manifest holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.api.base import JsonObject
from ebbflow.domain.expression import ExpressionError, SecretKey
from ebbflow.domain.secret import Tainted, revealed
from ebbflow.services.nodes.kind import CannotDo
from ebbflow.services.nodes.objects.object_texts import encoded, with_texts

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.text().map(Tainted)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "env", "metadata", "labels", "data"]), inner, max_size=3
        )
    ),
    max_leaves=15,
)
objects = st.dictionaries(st.sampled_from(["spec", "data", "metadata", "stringData"]), values)


@given(objects, st.sampled_from(["ConfigMap", "Secret", "Pod"]))
def test_what_was_made_once_stays_so(body: JsonObject, kind: str) -> None:
    once = with_texts({**body, "apiVersion": "v1", "kind": kind})
    assert with_texts(once) == once


@given(st.dictionaries(st.text(max_size=5), values, max_size=5))
def test_all_values_of_a_config_map_are_texts(data: JsonObject) -> None:
    made = with_texts({"apiVersion": "v1", "kind": "ConfigMap", "data": data})["data"]
    assert made.keys() == data.keys()
    assert all(value is None or isinstance(revealed(value), str) for value in made.values())
    assert {key for key, value in data.items() if isinstance(value, Tainted)} <= {
        key for key, value in made.items() if isinstance(value, Tainted)
    }


@given(values)
def test_the_data_of_other_kinds_is_left_alone(value: Any) -> None:
    manifest = {"apiVersion": "example.com/v1", "kind": "Gauge", "data": {"a": 5, "b": [value]}}
    assert with_texts(manifest)["data"]["a"] == 5


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param({"kind": "Pod", "spec": {"image": SecretKey("db", "x", 0)}}, id="elsewhere"),
        pytest.param({"kind": "ConfigMap", "data": {"a": SecretKey("db", "x", 0)}}, id="data"),
        pytest.param({"kind": "ConfigMap", "data": {"a": [SecretKey("db", "x")]}}, id="deep"),
        pytest.param({"kind": "Secret", "stringData": {"a": SecretKey("db", "x", 0)}}, id="secret"),
    ],
)
def test_a_secret_by_reference_is_only_for_variables(manifest: JsonObject) -> None:
    with pytest.raises(ExpressionError, match="only be the value of an environment variable"):
        with_texts({"apiVersion": "v1", **manifest})


def test_a_secret_never_goes_into_an_object_of_ours() -> None:
    document = {"arguments": {"KEY": Tainted("hunter2")}}
    manifest = {"apiVersion": "ebbflow.dev/v1alpha1", "kind": "Template", "spec": {"document": document}}  # fmt: skip
    with pytest.raises(CannotDo, match="a secret would be readable in the Template"):
        with_texts(manifest)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("ü", "w7w=", id="a text"),
        pytest.param(5, "NQ==", id="a number"),
        pytest.param(Tainted({"a": True}), "eyJhIjp0cnVlfQ==", id="a secret object"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_data_is_base64_and_secret(value: object, text: str | None) -> None:
    assert encoded(value) == (None if text is None else Tainted(text))
