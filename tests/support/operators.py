"""Makes the operators of one test, and leaves none behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.apiproxy import ApiProxy
from tests.support.canary import CanarySearch
from tests.support.installation import AccountIssuer, operator_kubeconfig
from tests.support.operator_process import OperatorProcess

IDENTITY = "test-operator"


class Operators:
    """A factory of operator processes; leaving it ends them all, then searches what they left.

    The first one has the same identity in every test: a Lease that a killed operator left behind is
    then its own, and nobody waits for it to expire.
    """

    def __init__(
        self,
        cluster: AccountIssuer,
        directory: Path,
        namespaces: Sequence[str],
        search: CanarySearch,
        group: int | None = None,
    ) -> None:
        self._cluster = cluster
        self._directory = directory
        self._namespaces = namespaces
        self._search = search
        self._group = group
        self.made: list[OperatorProcess] = []

    def __call__(
        self,
        *flags: str,
        namespaces: Sequence[str] | None = None,
        through: ApiProxy | None = None,
        identity: str | None = None,
        environment: Mapping[str, str] | None = None,
        ready: bool = True,
        insecure_http: bool = True,
    ) -> OperatorProcess:
        """Start one more operator with the shipped rights, and wait until it is ready.

        `namespaces` are the test's own if not given; none at all (`()`) is the whole cluster.
        `through` puts the API proxy between it and the API server. A second operator with the same
        namespaces has another identity, and so stands by while the first leads.
        """
        number = len(self.made) + 1
        server = through.url if through is not None else None
        made = OperatorProcess(
            operator_kubeconfig(self._cluster, server=server),
            self._directory / f"operator-{number}",
            namespaces=self._namespaces if namespaces is None else namespaces,
            flags=flags,
            identity=identity or f"{IDENTITY}-{number}",
            environment=environment,
            group=self._group,
            insecure_http=insecure_http,
        )
        self.made.append(made)
        made.start()
        if ready:
            made.wait_ready()
        return made

    def tails(self) -> str:
        """The ends of the logs of all operators."""
        return "\n".join(made.tail() for made in self.made)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for made in self.made:
            self._search_pages(made)
        for made in self.made:
            made.end()
        for made in self.made:
            self._search.look_at_files(f"{made.identity}'s log", made.directory, "*.log")
            self._search.look_at_files(f"{made.identity}'s cache", made.cache_dir)
            self._search.look_at_repositories(made.cache_dir)

    def _search_pages(self, made: OperatorProcess) -> None:
        if made.answers():
            self._search.look_at(f"{made.identity}'s metrics page", made.metrics_text())
            self._search.look_at(f"{made.identity}'s readiness", made.ready_text())
