"""The changes that are sent make one status into the other, and are few where little changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters.kube.run_status import MOST_SINGLE, redacted, status_operations
from ebbflow.api.base import JsonObject

TEXTS = st.text(max_size=5)
ENTRIES = st.dictionaries(
    st.sampled_from([f"0.{number}" for number in range(8)]), st.sampled_from(["a", "b"])
).map(lambda found: [{"path": path, "phase": phase} for path, phase in found.items()])
STATUSES = st.fixed_dictionaries(
    {},
    optional={
        "phase": TEXTS,
        "message": TEXTS,
        "fence": st.integers(0, 3),
        "nodes": ENTRIES,
        "conditions": st.lists(st.fixed_dictionaries({"message": TEXTS}), max_size=2),
    },
)


def apply(status: JsonObject, operations: list[JsonObject]) -> JsonObject:
    """JSON patch (RFC 6902) by the book, as strict about what must be there."""
    status = copy.deepcopy(status)
    for operation in operations:
        field, *index = operation["path"].removeprefix("/status/").split("/")
        target: Any = status[field] if index else status
        place: Any = int(index[0]) if index else field
        match operation["op"], target:
            case "add", list():
                assert place <= len(target)
                target.insert(place, operation["value"])
            case "add", dict():
                target[place] = operation["value"]
            case "replace", _:
                assert target[place] is not None
                target[place] = operation["value"]
            case "remove", _:
                del target[place]
            case _:
                raise AssertionError(operation)
    return status


def unchanged(text: str) -> str:
    return text


@given(STATUSES, STATUSES)
def test_the_changes_make_the_new_status(old: JsonObject, new: JsonObject) -> None:
    assert apply(old, status_operations(old, new, unchanged)) == new


@given(STATUSES)
def test_nothing_is_sent_for_an_equal_status(status: JsonObject) -> None:
    assert status_operations(status, copy.deepcopy(status), unchanged) == []


@given(STATUSES, STATUSES)
def test_what_was_redacted_is_not_sent_again(old: JsonObject, new: JsonObject) -> None:
    def redact(text: str) -> str:
        return text.replace("a", "*")

    stored = apply(redacted(old, redact), status_operations(redacted(old, redact), new, redact))
    assert stored == redacted(new, redact)
    assert status_operations(stored, new, redact) == []


def nodes(*phases: str) -> JsonObject:
    return {"nodes": [{"path": f"0.{n}", "phase": phase} for n, phase in enumerate(phases)]}


def test_one_node_of_many_is_one_entry() -> None:
    after = nodes(*["a"] * 499, "b")
    assert status_operations(nodes(*["a"] * 500), after, unchanged) == [
        {"op": "replace", "path": "/status/nodes/499", "value": {"path": "0.499", "phase": "b"}}
    ]


def test_many_nodes_are_sent_as_one_list() -> None:
    count = MOST_SINGLE + 1
    (whole,) = status_operations(nodes(*["a"] * count), nodes(*["b"] * count), unchanged)
    assert whole == {
        "op": "add",
        "path": "/status/nodes",
        "value": nodes(*["b"] * count)["nodes"],
    }


def test_names_and_phases_are_not_taken_for_secrets() -> None:
    def redact(text: str) -> str:
        return "[redacted]"

    entry = {
        "path": "0",
        "kind": "Delay",
        "phase": "Failed",
        "message": "m",
        "outputs": {"k": ["v"]},
    }
    plan = {"node": "0", "object": "o", "fields": [{"path": "p", "from": "a", "to": "b"}]}
    found = redacted({"phase": "Failed", "nodes": [entry], "plan": [plan]}, redact)
    assert found["phase"] == "Failed"
    assert found["nodes"] == [
        {**entry, "message": "[redacted]", "outputs": {"[redacted]": ["[redacted]"]}}
    ]
    changed = {"path": "p", "from": "[redacted]", "to": "[redacted]"}
    assert found["plan"] == [{"node": "0", "object": "o", "fields": [changed]}]


@pytest.mark.parametrize(
    "old",
    [
        pytest.param([{"path": "0"}, {"path": "0"}, {"path": "1"}], id="twice in what is there"),
        pytest.param([{"path": "1"}, {"path": "0"}], id="in another order"),
    ],
)
def test_an_odd_list_is_put_right(old: list[JsonObject]) -> None:
    new = {"nodes": [{"path": "0"}, {"path": "1"}]}
    assert apply({"nodes": old}, status_operations({"nodes": old}, new, unchanged)) == new
