"""Secret values: equal by value and type, never printed."""

from __future__ import annotations

import pytest

from ebbflow.domain.secret import Tainted


def test_a_secret_has_no_text() -> None:
    secret = Tainted("hunter2", frozenset({"secrets.db.values.password"}))
    assert "hunter2" not in repr(secret) + repr([secret]) + repr({"a": secret})
    for print_it in (str, "{}".format, lambda value: f"{value}"):
        with pytest.raises(TypeError, match="reveal"):
            print_it(secret)
    assert secret.reveal() == "hunter2"


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        pytest.param("a", "a", True, id="same-text"),
        pytest.param("1", 1, False, id="text-and-number"),
        pytest.param(True, 1, False, id="boolean-and-number"),
        pytest.param({"a": [1]}, {"a": [1]}, True, id="same-object"),
    ],
)
def test_secrets_are_equal_by_value_and_type(one: object, other: object, equal: bool) -> None:
    left, right = Tainted(one), Tainted(other, frozenset({"elsewhere"}))
    assert (left == right) is equal
    assert not equal or hash(left) == hash(right)
    assert (left.fingerprint() == right.fingerprint()) or not equal


def test_a_secret_equals_no_plain_value() -> None:
    assert Tainted("a") != "a"
