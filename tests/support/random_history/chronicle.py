"""What must be true of the branch's commits when a history is over."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ebbflow.devcluster.gitrepository import GitFailed, LoggedCommit
from tests.support.random_history.handwriting import read
from tests.support.random_history.model import Violation
from tests.support.random_history.registers import Registers, order, registers

COMMITTER = "ebbflow <"
WORDS = (".kind", ".ref")  # the same word may be written again


@dataclass(frozen=True, slots=True)
class Carried:
    """What one commit made of the file: the registers that it changed, with what they were."""

    commit: LoggedCommit
    before: Registers
    after: Registers
    reordered: bool

    @property
    def ours(self) -> bool:
        return self.commit.committer.startswith(COMMITTER)

    @property
    def paths(self) -> list[str]:
        both = self.before.keys() | self.after.keys()
        return sorted(p for p in both if self.before.get(p) != self.after.get(p))


def chronicle(log: list[LoggedCommit], show: Callable[[str], bytes]) -> Iterator[Carried]:
    """Yield what each commit of a linear branch did to a file, newest first. Raises Violation.

    Commits before or after which the file is no document are left out.
    """
    for newer, older in itertools.pairwise(log):
        if newer.parents != (older.sha,):
            raise Violation(f"{newer.sha[:7]} has the parents {newer.parents}")
        before, after = (_read_at(show, commit.sha) for commit in (older, newer))
        if before is not None and after is not None:
            reordered = order(before) != order(after)
            yield Carried(newer, registers(before), registers(after), reordered)


def check_once(found: list[Carried], name: str) -> None:
    """Check that each commit for the object `name` carries something, and nothing twice."""
    times: Counter[tuple[str, str]] = Counter()
    for one in found:
        mine = one.ours and one.commit.message.rstrip().endswith(f"/{name}")
        if mine and not one.paths and not one.reordered:
            raise Violation(f"{one.commit.sha[:7]} changes nothing")
        for path in one.paths:
            if one.ours and path in one.after:
                times[path, one.after[path]] += 1
            elif not one.ours and path in one.before:
                times[path, one.before[path]] -= 1
    for (path, value), count in times.items():
        if count > 1 and not path.endswith(WORDS):
            raise Violation(f"{path} = {value} was committed {count} times")


def _read_at(show: Callable[[str], bytes], sha: str) -> dict[str, object] | None:
    try:
        document = read(show(sha))
    except (AssertionError, GitFailed):
        return None
    return document if isinstance(document, dict) and "arguments" in document else None
