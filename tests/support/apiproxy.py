"""A proxy before the API server that counts every request and can break any of them.

    with ApiProxy.to(kubeconfig) as proxy:
        operator = ...  # under a kubeconfig whose server is proxy.url
        start = proxy.mark()
        proxy.before(matching(resource="templates/status", writes=True), Answer(409), every=2)
        ...
        assert proxy.counts(since=start)["list", "templates"] == 0

Plain HTTP on loopback towards the operator; TLS, checked against the kubeconfig's certificate
authority, towards the API server. Credentials of the client are passed through: the proxy has none.
Connections that are upgraded (exec, port-forward) are not served. kubectl sends no token over plain
HTTP: use it past the proxy.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import yaml
from aiohttp import web

from tests.support.apifaults import Action, Match, Phase, Request, Rule, matching
from tests.support.apirelay import Relay
from tests.support.apiwatch import LinePredicate, Watch, WatchRule
from tests.support.kube_request import read_target

T = TypeVar("T")

START_OR_STOP_SECONDS = 10.0

everything: Match = matching()


class ApiProxy:
    """A counting and cutting proxy before one API server; a context manager, any number at once.

    All public methods may be called from any thread. Leaving it raises AssertionError if the proxy
    itself failed, so that its bugs never pass for bugs of the operator.
    """

    def __init__(self, upstream: str, ca: bytes | None = None) -> None:
        self.upstream = upstream.rstrip("/")
        self.url = ""
        self.closing = False
        self._relay = Relay(self.upstream, ca, self)
        self._requests: list[Request] = []
        self._write_count = 0
        self._rules: list[Rule] = []
        self._watch_rules: list[WatchRule] = []
        self._watches: list[Watch] = []
        self._errors: list[BaseException] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="apiproxy", daemon=True)

    @classmethod
    def to(cls, kubeconfig: Path) -> Self:
        """Make a proxy before the API server of the kubeconfig's first cluster."""
        cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
        inline = cluster.get("certificate-authority-data")
        file = cluster.get("certificate-authority")
        ca = base64.b64decode(inline) if inline else None
        if file and ca is None:
            ca = (kubeconfig.parent / file).read_bytes()
        return cls(cluster["server"], ca)

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = self._run(self._relay.start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing = True
        self.heal()
        self.end_watches()
        self._run(self._relay.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_OR_STOP_SECONDS)
        self._loop.close()
        if self._errors and error is None:
            raise AssertionError("the API proxy itself failed") from self._errors[0]

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_OR_STOP_SECONDS)

    # What happened

    def mark(self) -> int:
        """Remember this moment, for the `since` of the other methods."""
        return len(self._requests)

    def requests(self, match: Match = everything, *, since: int = 0) -> list[Request]:
        """The matching requests after the mark, in the order in which they came."""
        return [request for request in self._requests[since:] if match(request)]

    def writes(self, *, since: int = 0, leases: bool = False) -> list[Request]:
        """The requests that could change something; renewals of Leases only if asked for."""
        found = self.requests(matching(writes=True), since=since)
        return [request for request in found if leases or request.resource != "leases"]

    def counts(self, *, since: int = 0) -> Counter[tuple[str, str]]:
        """How many requests there were by (verb, resource); absent ones count 0."""
        return Counter((request.verb, request.resource) for request in self._requests[since:])

    def trace(self, *, since: int = 0) -> str:
        """The requests as lines for people."""
        return "\n".join(request.line() for request in self._requests[since:])

    def write_trace(self, path: Path) -> None:
        """Write all requests as JSON lines."""
        path.write_text("".join(json.dumps(r.as_json()) + "\n" for r in self._requests[:]))

    # What shall happen

    def before(
        self,
        match: Match,
        action: Action,
        *,
        skip: int = 0,
        every: int = 1,
        times: int | None = None,
    ) -> Rule:
        """Do `action` to matching requests before they reach the API server; see Rule."""
        return self._add(Rule(match, action, "before", skip, every, times))

    def after(
        self,
        match: Match,
        action: Action,
        *,
        skip: int = 0,
        every: int = 1,
        times: int | None = None,
    ) -> Rule:
        """Do `action` when the API server has answered and the client does not know it yet."""
        return self._add(Rule(match, action, "after", skip, every, times))

    def watches(self, match: Match = everything) -> list[Watch]:
        """The matching watches that are open now."""
        return [watch for watch in self._watches[:] if watch.open and match(watch.request)]

    def hold_watches(self, match: Match = everything) -> WatchRule:
        """Deliver no further line to matching watches, old and new, until the rule's `end()`."""
        return self._add_watch_rule(match, None)

    def drop_events(self, match: Match, event: LinePredicate) -> WatchRule:
        """Swallow those events of matching watches for which `event` is true."""
        return self._add_watch_rule(match, event)

    def inject_error(self, code: int, match: Match = everything) -> int:
        """End the matching open watches with an ERROR line of this code; how many there were."""
        return self._each_watch(match, lambda watch: watch.inject_error(code))

    def end_watches(self, match: Match = everything) -> int:
        """End the matching open watches in good order; how many there were."""
        return self._each_watch(match, Watch.end)

    def cut_watches(self, match: Match = everything) -> int:
        """Reset the connections of the matching open watches; how many there were."""
        return self._each_watch(match, Watch.cut)

    def heal(self) -> None:
        """Remove every rule."""
        for rule in self._rules:
            rule.remove()
        for watch_rule in self._watch_rules:
            watch_rule.end()

    def _each_watch(self, match: Match, act: Callable[[Watch], None]) -> int:
        found = self.watches(match)
        for watch in found:
            act(watch)
        return len(found)

    def _add(self, rule: Rule) -> Rule:
        self._rules = [*(old for old in self._rules if not old.removed), rule]
        return rule

    def _add_watch_rule(self, match: Match, drop: LinePredicate | None) -> WatchRule:
        rule = WatchRule(match, drop, self._wake_watches)
        self._watch_rules = [*(old for old in self._watch_rules if not old.ended), rule]
        return rule

    def _wake_watches(self) -> None:
        for watch in self.watches():
            watch.wake()

    # The relay's board

    def note(self, request: web.Request, size: int) -> Request:
        """Record a request that came in, with the size of its body in bytes."""
        path, _, query = request.raw_path.partition("?")
        target = read_target(request.method, path, query)
        self._write_count += target.is_write
        noted = Request(
            number=len(self._requests) + 1,
            write=self._write_count if target.is_write else None,
            method=request.method,
            path=path,
            query=query,
            target=target,
            user_agent=request.headers.get("User-Agent", ""),
            as_user=request.headers.get("Impersonate-User", ""),
            at=time.time(),
            sent=size,
        )
        self._requests.append(noted)
        return noted

    def actions(self, request: Request, phase: Phase) -> Iterable[Action]:
        """What to do to the request now, in the order in which the rules were made."""
        return [rule.action for rule in self._rules if rule.takes(request, phase)]

    def watch_rules(self) -> Iterable[WatchRule]:
        """The rules for the lines of watches."""
        return self._watch_rules

    def opened(self, watch: Watch) -> None:
        """Take note of a new watch stream."""
        self._watches = [*(old for old in self._watches if old.open), watch]

    def failed(self, error: BaseException) -> None:
        """Take note of a bug in the proxy."""
        self._errors.append(error)
