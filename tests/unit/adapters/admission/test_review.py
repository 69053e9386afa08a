"""Every review is allowed, and only edits of the document leave a record."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.adapters.admission.review import Signer, answer, read
from ebbflow.api.template import Template
from ebbflow.domain.authorship import OPERATOR
from ebbflow.domain.edit_record import ANNOTATION, held, verify
from tests.support.reviews import as_body, committed, patched, review, shop

KEY = b"k" * 32
OWN = "system:serviceaccount:ebbflow-system:ebbflow"
SIGNER = Signer(KEY, OWN, "ebbflow")
NOW = datetime(2026, 11, 21, 12, 0, 3, tzinfo=UTC)
OLD = committed(shop({"a": 1}))

JsonObject = dict[str, Any]


def reviewed(user: str, new: JsonObject, old: JsonObject | None, **more: Any) -> JsonObject:
    """The object as it is stored after the webhook saw the write."""
    request = read(as_body(review(user, new, old, **more)))
    made, outcome = answer(request, SIGNER, lambda _: True, NOW)
    assert outcome != "failed"
    stored = patched(new, made)
    if old is not None and old["spec"] != new["spec"]:
        stored["metadata"]["generation"] = old["metadata"]["generation"] + 1
    return stored


def changed(thing: JsonObject, document: Any = None, **spec: Any) -> JsonObject:
    new = copy.deepcopy(thing)
    new["spec"] |= spec | ({"document": document} if document is not None else {})
    return new


def with_record(thing: JsonObject, text: str) -> JsonObject:
    new = copy.deepcopy(thing)
    new["metadata"].setdefault("annotations", {})[ANNOTATION] = text
    return new


def without_record(thing: JsonObject) -> JsonObject:
    new = copy.deepcopy(thing)
    del new["metadata"]["annotations"][ANNOTATION]
    return new


def editors(stored: JsonObject) -> list[str | None] | None:
    """Whose edits the object's record proves; None if it proves nothing."""
    record = verify(KEY, held(Template.parse(stored)))
    return None if record is None else [edit.user for edit in record.edits]


def test_an_edit_is_recorded_for_its_user() -> None:
    assert editors(reviewed("alice", changed(OLD, {"a": 2}), OLD)) == ["alice"]


def test_edits_that_are_not_committed_yet_are_carried_over() -> None:
    first = reviewed("alice", changed(OLD, {"a": 2}), OLD)
    second = reviewed("bob", changed(first, {"a": 3}), first)
    assert editors(second) == ["alice", "bob"]
    assert editors(reviewed("carol", changed(second, {"a": 4}), committed(second))) == ["carol"]


def test_an_edit_on_top_of_one_that_nobody_saw_says_so() -> None:
    unseen = changed(OLD, {"a": 2})
    assert editors(reviewed("bob", changed(unseen, {"a": 3}), unseen)) == [None, "bob"]


def test_a_creation_is_recorded_before_the_object_has_a_uid() -> None:
    new = shop({"a": 1})
    meta = {k: new["metadata"].pop(k) for k in ("uid", "generation", "creationTimestamp")}
    stored = reviewed("alice", new, None)
    stored["metadata"] |= meta | {"generation": 1}
    assert editors(stored) == ["alice"]
    again = reviewed("bob", changed(stored, {"a": 2}), stored)
    assert editors(again) == ["alice", "bob"]


def test_without_a_document_there_is_nothing_to_record() -> None:
    empty = shop()
    del empty["spec"]["document"]
    born = reviewed("alice", empty, None)
    assert "annotations" not in born["metadata"]
    taken = reviewed(OWN, changed(born, {"a": 1}), born, manager="ebbflow")
    assert "annotations" not in taken["metadata"]
    assert editors(reviewed("bob", changed(committed(taken), {"a": 2}), committed(taken))) == [
        "bob"
    ]
    assert editors(reviewed("bob", changed(born, {"a": 2}), born)) == ["bob"]


def test_the_operators_own_merge_keeps_the_author() -> None:
    edited = reviewed("alice", changed(OLD, {"a": 2}), OLD)
    merged = reviewed(OWN, changed(edited, {"a": 2, "b": 1}), edited, manager="ebbflow")
    assert editors(merged) == ["alice", OPERATOR]


def test_a_person_who_uses_the_operators_account_is_a_person() -> None:
    assert editors(reviewed(OWN, changed(OLD, {"a": 2}), OLD)) == [OWN]


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(lambda old: changed(old, interval="5m"), id="another-field-of-the-spec"),
        pytest.param(changed, id="nothing"),
        pytest.param(without_record, id="the-record-removed"),
        pytest.param(lambda old: with_record(old, "forged"), id="the-record-forged"),
    ],
)
def test_a_write_that_is_no_edit_leaves_the_record_good(new: Any) -> None:
    edited = reviewed("alice", changed(OLD, {"a": 2}), OLD)
    assert editors(reviewed("mallory", new(edited), edited)) == ["alice"]


def test_a_change_of_the_file_is_an_edit() -> None:
    place = {"repository": "https://git.example/a", "branch": "main", "path": "b.yaml"}
    assert editors(reviewed("bob", changed(OLD, git=place), OLD)) == ["bob"]


def test_a_record_that_a_user_sends_along_is_not_believed() -> None:
    of_alice = reviewed("alice", changed(OLD, {"a": 2}), OLD)["metadata"]["annotations"][ANNOTATION]
    new = with_record(changed(OLD, {"a": 2}), of_alice)
    assert editors(reviewed("mallory", new, OLD)) == ["mallory"]
    assert (
        ANNOTATION
        not in reviewed("mallory", with_record(OLD, "{}"), OLD)["metadata"]["annotations"]
    )


def test_annotations_never_grow_past_what_the_api_server_takes() -> None:
    full = changed(OLD, {"a": 2})
    full["metadata"]["annotations"] = {"big": "x" * (256 * 1024 - 200)}
    assert reviewed("alice", full, OLD) == full | {"metadata": full["metadata"] | {"generation": 6}}


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(review("alice", OLD, None, operation="DELETE"), id="delete"),
        pytest.param(review("alice", OLD, None, operation="CONNECT"), id="connect"),
        pytest.param(review("alice", OLD, None, operation="UPDATE"), id="update-of-nothing"),
        pytest.param(review("alice", {}, OLD), id="no-object"),
        pytest.param(review("alice", {"metadata": 3}, {"spec": []}), id="nonsense"),
        pytest.param(review("alice", changed(OLD, {"a": 2}), {"metadata": {}}), id="bare-old"),
    ],
)
def test_whatever_is_asked_the_write_is_allowed(request_: JsonObject) -> None:
    made, _ = answer(read(as_body(request_)), SIGNER, lambda _: True, NOW)
    assert made["response"]["allowed"] is True
    assert made["response"]["uid"] == "request-1"
    assert "patch" not in made["response"] or request_["request"]["oldObject"] == {"metadata": {}}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_document_stops_a_write(document: Any) -> None:
    new = copy.deepcopy(OLD)
    new["spec"]["document"] = document
    made, outcome = answer(read(as_body(review("alice", new, OLD))), SIGNER, lambda _: True, NOW)
    assert (made["response"]["allowed"], outcome) == (True, "recorded")


@pytest.mark.parametrize("signer", [pytest.param(None, id="no-key"), SIGNER])
def test_without_a_key_or_in_a_namespace_of_others_nothing_is_recorded(
    signer: Signer | None,
) -> None:
    request = read(as_body(review("alice", changed(OLD, {"a": 2}), OLD)))
    made, outcome = answer(request, signer, lambda _: False, NOW)
    assert (made["response"], outcome) == ({"uid": "request-1", "allowed": True}, "kept")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"kind": "Pod"}', b'{"kind": "AdmissionReview"}', b"[" * 100_000],
    ids=["empty", "cut", "list", "null", "another-kind", "no-request", "deep"],
)
def test_what_is_no_review_is_told_so(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text goes nowhere
        read(body)
