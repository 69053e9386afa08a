"""Plans: what a run would change, field by field, and never a secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.plan import (
    MAX_FIELDS,
    MAX_VALUE,
    SECRET,
    FieldChange,
    ObjectPlan,
    plan_object,
)
from ebbflow.domain.secret import Tainted

CANARY = "canary-of-a-plan"


def config_map(data: Any = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", **metadata},
        "data": data or {},
    }


def deployment(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"containers": list(containers)}}


APP, SIDE = {"name": "app", "image": "a:1"}, {"name": "side", "image": "b:1"}


@pytest.mark.parametrize(
    ("live", "wished", "expected"),
    [
        pytest.param(None, None, ObjectPlan("none"), id="neither there nor wished"),
        pytest.param(config_map(), None, ObjectPlan("delete"), id="not wished any more"),
        pytest.param(
            None,
            config_map({"a": "1"}),
            ObjectPlan(
                "create",
                (FieldChange("metadata.name", None, "x"), FieldChange("data.a", None, "1")),
            ),
            id="not there yet",
        ),
        pytest.param(config_map({"a": "1"}), config_map({"a": "1"}), ObjectPlan("none"), id="equal"),
        pytest.param(
            config_map({"a": "1", "b": "2"}),
            config_map({"a": "3", "c.d": "4"}),
            ObjectPlan(
                "update",
                (
                    FieldChange("data.a", "1", "3"),
                    FieldChange("data.b", "2", None),
                    FieldChange('data["c.d"]', None, "4"),
                ),
            ),
            id="changed, removed and added",
        ),
        pytest.param(
            config_map(resourceVersion="1", generation=1, managedFields=[1], uid="u")
            | {"status": {"a": 1}},
            config_map(resourceVersion="2", generation=2, managedFields=[2], uid="v")
            | {"status": {"a": 2}},
            ObjectPlan("none"),
            id="what the API server makes does not count",
        ),
        pytest.param(
            deployment(APP, SIDE),
            deployment(APP | {"image": "a:2"}, SIDE),
            ObjectPlan(
                "update", (FieldChange("spec.containers[name=app].image", "a:1", "a:2"),)
            ),
            id="items of a list are known by their names",
        ),
        pytest.param(
            deployment(APP, SIDE),
            deployment(SIDE, APP),
            ObjectPlan(
                "update", (FieldChange("spec.containers", '["app","side"]', '["side","app"]'),)
            ),
            id="another order",
        ),
        pytest.param(
            config_map() | {"spec": {"ports": [1, 2], "on": True}},
            config_map() | {"spec": {"ports": [1, 3], "on": 1}},
            ObjectPlan(
                "update",
                (FieldChange("spec.ports[1]", "2", "3"), FieldChange("spec.on", "true", "1")),
            ),
            id="plain lists, and true is not 1",
        ),
        pytest.param(
            {"apiVersion": "v1", "kind": "Secret", "data": {"token": CANARY, "same": "x"}},
            {"apiVersion": "v1", "kind": "Secret", "data": {"token": "other", "same": "x"}},
            ObjectPlan("update", (FieldChange("data.token", SECRET, SECRET),)),
            id="a Secret's values are not shown",
        ),
        pytest.param(
            deployment(APP),
            deployment(APP | {"args": ["--token", Tainted(CANARY)]}),
            ObjectPlan(
                "update",
                (
                    FieldChange(
                        "spec.containers[name=app].args", None, '["--token","(secret)"]'
                    ),
                ),
            ),
            id="a tainted value is not shown",
        ),
    ],
)  # fmt: skip
def test_a_plan_tells_what_people_would_see_change(live: Any, wished: Any, expected: Any) -> None:
    assert plan_object(live, wished) == expected


def test_a_plan_is_bounded() -> None:
    plan = plan_object(None, config_map({f"k{i}": "x" * 1000 for i in range(100)}))
    assert len(plan.fields) == MAX_FIELDS
    assert plan.more == 101 - MAX_FIELDS
    assert {len(change.after or "") for change in plan.fields} == {1, MAX_VALUE}


def test_a_change_is_written_as_the_api_has_it() -> None:
    assert FieldChange("data.a", None, "1").dump() == {"path": "data.a", "to": "1"}
    assert FieldChange("data.a", "1", "2").dump() == {"path": "data.a", "from": "1", "to": "2"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from([Tainted(CANARY), "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abn"), inner),
    max_leaves=8,
)
OBJECTS = st.builds(lambda value: {"kind": "Thing", "spec": value}, VALUES)


@pytest.mark.hypothesis
@given(OBJECTS, OBJECTS)
def test_no_plan_shows_a_secret_and_equal_objects_need_none(live: Any, wished: Any) -> None:
    assert CANARY not in repr(plan_object(live, wished))
    assert plan_object(live, live) == ObjectPlan("none")
