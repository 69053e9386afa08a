"""Known secrets are taken out of a Run's status, and only what is new is looked at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters.kube.run_status import shown_status
from ebbflow.api.base import JsonObject

TEXTS = st.text("ab*", max_size=5)
ENTRIES = st.dictionaries(st.sampled_from([f"0.{number}" for number in range(5)]), TEXTS).map(
    lambda found: [{"path": path, "message": message} for path, message in found.items()]
)
STATUSES = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(["Failed", "Waiting"]),
        "message": TEXTS,
        "fence": st.integers(0, 3),
        "nodes": ENTRIES,
        "conditions": st.lists(st.fixed_dictionaries({"message": TEXTS}), max_size=2),
    },
)


def redact(text: str) -> str:
    return text.replace("a", "*")


@given(STATUSES, STATUSES)
def test_what_is_in_place_makes_no_difference(old: JsonObject, new: JsonObject) -> None:
    stored = shown_status({}, old, redact)
    assert shown_status(stored, new, redact) == shown_status({}, new, redact)


@given(STATUSES)
def test_an_equal_status_is_shown_as_it_is_in_place(status: JsonObject) -> None:
    stored = shown_status({}, status, redact)
    assert shown_status(stored, status, redact) == stored
    assert shown_status(stored, stored, redact) == stored


def test_only_what_is_new_is_looked_at() -> None:
    def nodes(*messages: str) -> JsonObject:
        return {"nodes": [{"path": f"0.{n}", "message": m} for n, m in enumerate(messages)]}

    seen = []

    def look(text: str) -> str:
        seen.append(text)
        return text

    old, new = nodes(*["old"] * 500), nodes(*["old"] * 499, "new")
    assert shown_status({**old, "message": "old"}, {**new, "message": "old"}, look)["nodes"]
    assert seen == ["new"]


def test_names_and_phases_are_not_taken_for_secrets() -> None:
    def hide(_: str) -> str:
        return "[redacted]"

    entry = {"path": "0", "kind": "Delay", "phase": "Failed", "message": "m", "outputs": {"k": [1]}}
    plan = {"node": "0", "object": "o", "fields": [{"path": "p", "from": "a", "to": "b"}]}
    found = shown_status({}, {"phase": "Failed", "nodes": [entry], "plan": [plan]}, hide)
    changed = {"path": "p", "from": "[redacted]", "to": "[redacted]"}
    assert found == {
        "phase": "Failed",
        "nodes": [{**entry, "message": "[redacted]", "outputs": {"[redacted]": [1]}}],
        "plan": [{"node": "0", "object": "o", "fields": [changed]}],
    }
