"""The pytest side of the RBAC check: a wrong rule fails the session, with a table that says which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.rbac_usage import Report, Window
from tests.support.whole_suite import runs_whole_suite


class RbacCheck:
    """A pytest plugin. Fixtures give it the `report` and the `windows` of forbidding on purpose.

    What was forbidden fails every session; what was not used fails only one that ran every test of
    `directory` to its end.
    """

    def __init__(self, directory: Path) -> None:
        self.report: Report | None = None
        self.windows: list[Window] = []
        self._directory = directory
        self._deselected: list[Path] = []

    @pytest.hookimpl
    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note which tests are left out."""
        self._deselected.extend(item.path for item in items)

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session if there is a finding."""
        if self._table(session) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the findings."""
        session = terminalreporter._session
        if session is not None and (table := self._table(session)):
            terminalreporter.section("RBAC rules of the operator", red=True)
            terminalreporter.write_line(table)

    def _table(self, session: pytest.Session) -> str:
        if self.report is None:
            return ""
        stopped = bool(session.shouldstop or session.shouldfail)
        collected = [item.path for item in getattr(session, "items", [])]
        whole = not stopped and runs_whole_suite(
            self._directory, collected, self._deselected, session.config.args
        )
        return self.report.table(whole_suite=whole)
