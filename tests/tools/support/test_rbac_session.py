"""A finding of the RBAC check fails the pytest session in which it was made."""

from __future__ import annotations

import pytest

CONFTEST = """
from pathlib import Path

import pytest
from ebbflow.api.base import PolicyRule
from tests.support.audit import AuditRequest
from tests.support.rbac_session import RbacCheck
from tests.support.rbac_usage import Report, Right

RULE = PolicyRule("", ("secrets",), ("get",), "to read a login")
UNUSED = (Right(RULE, "secrets", "get"),)
FORBIDDEN = (
    AuditRequest(
        verb="list", group="", resource="pods", namespace="a", name="", user="", as_user="",
        user_agent="", code=403, allowed=False, at=0.0, uri="",
    ),
)


def pytest_configure(config):
    check = RbacCheck(Path(__file__).parent)
    check.report = {report}
    config.pluginmanager.register(check)
"""

FINE = "Report((), ())"
UNUSED = "Report((), UNUSED)"
FORBIDDEN = "Report(FORBIDDEN, ())"


@pytest.fixture
def suite(pytester):
    """A maker of a suite with two files whose session ends with a report."""

    def make(report):
        pytester.makeconftest(CONFTEST.replace("{report}", report))
        test = "def test_{}_one(): pass\ndef test_{}_two(): pass\n"
        pytester.makepyfile(
            **{f"test_{name}": test.replace("{}", name) for name in ("alpha", "beta")}
        )
        return pytester

    return make


@pytest.mark.parametrize(
    ("report", "arguments", "code", "told"),
    [
        pytest.param(FINE, [], 0, False, id="rules-that-fit"),
        pytest.param(UNUSED, [], 1, True, id="unused-in-the-whole-suite"),
        pytest.param(UNUSED, ["test_alpha.py"], 0, False, id="unused-in-one-file"),
        pytest.param(UNUSED, ["-k", "one"], 0, False, id="unused-with-k"),
        pytest.param(UNUSED, ["test_alpha.py::test_alpha_one"], 0, False, id="unused-in-one-test"),
        pytest.param(FORBIDDEN, ["-k", "one"], 1, True, id="forbidden-with-k"),
    ],
)
def test_the_session_fails_for_what_it_can_know(suite, report, arguments, code, told):
    result = suite(report).runpytest_inprocess("-p", "no:asyncio", *arguments)
    assert result.ret == code
    assert ("RBAC rules of the operator" in result.stdout.str()) is told


def test_the_table_says_which_right_and_why_it_is_there(suite):
    result = suite(UNUSED).runpytest_inprocess("-p", "no:asyncio")
    result.stdout.fnmatch_lines(["*No env test used these rights*", "*get*secrets*to read a login"])
