"""Many Runs asked for at once from several processes, and what must hold of them afterwards.

    with Burst(source, processes=4, each=50) as burst:   # the requests are on their way
        ...
        names = burst.wait()

Each request is sent twice, as by somebody who lost the first answer.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ebbflow.api.base import API_VERSION
from tests.support.api_client import ApiClient, ApiError
from tests.support.kubectl import KINDS
from tests.support.ran import ENDED, Source

JsonObject = dict[str, Any]

BURST_SECONDS = 120.0
CONFLICT = 409
ROOT = Path(__file__).parents[2]
SECOND = timedelta(seconds=1)


class Burst:
    """Processes that ask for Runs of one source, as fast as each of them can."""

    def __init__(self, source: Source, kubeconfig: Path, processes: int, each: int) -> None:
        self._each = each
        self._prefixes = [f"{source.name}-{letter}" for letter in "abcdefgh"[:processes]]
        arguments = [str(kubeconfig), source.namespace, source.name]
        self._commands = [
            [sys.executable, "-m", __name__, *arguments, prefix, str(each)]
            for prefix in self._prefixes
        ]
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._processes = [subprocess.Popen(command, cwd=ROOT) for command in self._commands]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    @property
    def over(self) -> bool:
        """Whether every request was answered."""
        return all(process.poll() is not None for process in self._processes)

    def wait(self) -> list[str]:
        """Wait until every request was answered; the names of the Runs."""
        codes = [process.wait(BURST_SECONDS) for process in self._processes]
        assert codes == [0] * len(codes), f"those who ask ended with {codes}"
        return [f"{prefix}-{n}" for prefix in self._prefixes for n in range(self._each)]


@dataclass(frozen=True, slots=True)
class Interval:
    """A Run that ran: when it was made (to the second), when it began and when it ended."""

    name: str
    made: datetime
    began: datetime
    ended: datetime

    @classmethod
    def of(cls, run: JsonObject) -> Interval:
        """Read a Run that ended after it had begun."""
        status, meta = run["status"], run["metadata"]
        times = meta["creationTimestamp"], status["startedAt"], status["finishedAt"]
        return cls(meta["name"], *map(datetime.fromisoformat, times))


def intervals(runs: Iterable[JsonObject]) -> list[Interval]:
    """Return the Runs that ran, in the order in which they began."""
    ran = (Interval.of(run) for run in runs if "startedAt" in run["status"])
    return sorted(ran, key=lambda each: each.began)


def check_turns(runs: Iterable[JsonObject]) -> None:
    """Check that never two Runs ran at once, and that they began in the order of their creation."""
    ran = intervals(runs)
    for earlier, later in itertools.pairwise(ran):
        assert earlier.ended <= later.began, f"they overlap: {earlier} {later}"
        assert earlier.made <= later.made, f"overtaken: {earlier} {later}"


def check_forbidden(runs: Sequence[JsonObject]) -> None:
    """Check that each Run either ran alone, or was asked for while the one that it names ran."""
    ran = {each.name: each for each in intervals(runs)}
    check_turns(runs)
    for run in runs:
        name, status = run["metadata"]["name"], run["status"]
        assert status["phase"] in ENDED, f"{name} is left: {status}"
        made = datetime.fromisoformat(run["metadata"]["creationTimestamp"])
        if name in ran:
            late = [o for o in ran.values() if o.made < made and made + SECOND <= o.ended]
            assert not late, f"{name} was asked for while {late} was under way, and ran later"
            continue
        assert (status["phase"], status["reason"]) == ("Skipped", "Forbidden"), status
        blocker = ran[status["message"].split()[0]]
        assert blocker.made <= made <= blocker.ended, f"{name} was kept out by {blocker}: {made}"


def _ask(kubeconfig: str, namespace: str, source: str, prefix: str, each: str) -> None:
    api = ApiClient(Path(kubeconfig))
    for number in range(int(each)):
        name = f"{prefix}-{number}"
        run = {
            "apiVersion": API_VERSION,
            "kind": "Run",
            "metadata": {"name": name},
            "spec": {"source": {"kind": "Template", "name": source}, "arguments": {"NAME": name}},
        }
        path = KINDS["Run"].path(namespace)
        api.call("POST", path, run)
        try:
            api.call("POST", path, run)
        except ApiError as error:
            if error.code != CONFLICT:
                raise


if __name__ == "__main__":
    _ask(*sys.argv[1:])
