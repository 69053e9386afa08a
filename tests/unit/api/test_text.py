"""Rules on texts mean the same to Python and to RE2, which the API server uses."""

from __future__ import annotations

import re
import string
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import StringConstraints, TypeAdapter, ValidationError

from ebbflow.api import base, gitaccount, place, template, text
from ebbflow.api.text import Contain, Refuse, Require, TextRule, whole


def rules_in(annotation: Any) -> list[TextRule]:
    return [m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, TextRule)]


def every_rule() -> list[TextRule]:
    """Return the rules that the API modules define, alone or in an annotated type."""
    found: dict[str, TextRule] = {}
    for module in (base, gitaccount, place, template, text):
        for value in vars(module).values():
            rules = [value] if isinstance(value, TextRule) else rules_in(value)
            found |= {rule.pattern: rule for rule in rules}
    return list(found.values())


RULES = every_rule()
# What the two engines could read differently: line breaks, case, letters outside ASCII.
AWKWARD = "\n\r\t\x00\x0b\x1c\x7f\x85\u00a0\u2028\u017f\u212aµ/.@:-_~^[]{}\\?#* "
TEXTS = st.one_of(
    st.text(AWKWARD + "abzAZ019", max_size=12),
    st.text(max_size=12),
    st.builds(
        "".join,
        st.lists(
            st.sampled_from(
                ["https://", "ssh://", "a.b", "git@", ":80", "/", "..", ".lock", "1h", "30s", "0.5m",
                 ".git", "-----BEGIN ", "PRIVATE KEY", "CERTIFICATE-----", "%2e", "main", "\n"]
            ),
            max_size=6,
        ),
    ),
)  # fmt: skip


def re2_like(pattern: str) -> TypeAdapter[str]:
    """Return a check by pydantic's own engine, Rust's regex, whose syntax and meaning are RE2's."""
    return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])


def found_by(adapter: TypeAdapter[str], value: str) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


ENGINES = {
    rule.pattern: re2_like(whole(rule.pattern) if isinstance(rule, Require) else rule.pattern)
    for rule in RULES
}


def test_there_are_rules_to_check():
    assert len(RULES) >= 12


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.message[:40])
def test_a_pattern_avoids_what_the_two_engines_read_differently(rule: TextRule):
    assert not re.search(r"\\[sSdDwWbBzZAQ]|\(\?[=!<PimsU]|'|\[\[:", rule.pattern)
    assert "$" not in re.sub(r"\$(?=$|\)|\|)", "", rule.pattern), "$ stands for the end alone"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.message[:40])
@given(value=TEXTS)
def test_python_and_re2_agree_on_every_text(rule: TextRule, value: str):
    found = found_by(ENGINES[rule.pattern], value)
    assert rule.allows(value) is (not found if isinstance(rule, Refuse) else found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.message[:40])
def test_a_message_says_what_must_be_and_needs_no_escape(rule: TextRule):
    assert rule.message.startswith(("must ", "looks like "))
    assert set(rule.message) <= set(string.printable) - set("\n\r\t\x0b\x0c")


@pytest.mark.parametrize(
    ("rule", "cel"),
    [
        pytest.param(Require("a+", "m"), "self.matches(r'^(?:a+)$')", id="the whole text"),
        pytest.param(Contain("a+", "m"), "self.matches(r'a+')", id="somewhere"),
        pytest.param(Refuse("a+", "m"), "!self.matches(r'a+')", id="nowhere"),
    ],
)
def test_a_rule_has_its_form_in_cel(rule: TextRule, cel: str):
    assert rule.rule.wire() == {"rule": cel, "message": "m"}


def test_a_line_break_at_the_end_is_not_overlooked():
    assert not Require("[a-z]+", "m").allows("main\n")
    assert Refuse("x$", "m").allows("x\n")
