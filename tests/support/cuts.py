"""The requests of a write-back as points at which it can be cut, found by recording one."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from typing_extensions import override

from tests.support.apifaults import Action, Call, Cut, Delay, Match, matching
from tests.support.apiproxy import ApiProxy
from tests.support.synced import Synced

PUSH = ("info-refs receive-pack", "receive-pack")
WRITTEN = ("templates", "templates/status")
HELD_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class ApiWrite:
    """The `nth` write (from 1) of this verb and resource, of the object that is synced."""

    verb: str
    resource: str
    nth: int

    @override
    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.nth}"


@dataclass(frozen=True, slots=True)
class GitRequest:
    """The `nth` request (from 1) of this service, for the object's repository."""

    service: str
    nth: int

    @override
    def __str__(self) -> str:
        return f"{self.service} {self.nth}"


@dataclass(frozen=True, slots=True)
class CutPoint:
    """A moment of a write-back: just before a request arrives, or just after it was carried out."""

    request: ApiWrite | GitRequest
    after: bool

    @property
    def at_git(self) -> bool:
        """Whether it is a request to the Git server."""
        return isinstance(self.request, GitRequest)

    @override
    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.request}"


@dataclass(frozen=True, slots=True)
class Tape:
    """Records the requests about one object from now on."""

    proxy: ApiProxy
    shop: Synced
    api: int
    git: int

    @classmethod
    def begin(cls, proxy: ApiProxy, shop: Synced) -> Tape:
        """Begin to record; what came before does not count."""
        return cls(proxy, shop, proxy.mark(), len(shop.world.git.seen))

    def points(self) -> list[CutPoint]:
        """Both sides of every API write and of every request of a push, API writes first."""
        writes = self.proxy.requests(_writes_of(self.shop), since=self.api)
        seen = self.shop.world.git.seen[self.git :]
        pushes = [
            each.service
            for each in seen
            # A question without credentials is answered 401, and asked again with them.
            if each.repository == self.shop.repository and each.service in PUSH
            if each.authorization is not None
        ]
        requests: list[ApiWrite | GitRequest] = [
            ApiWrite(verb, resource, nth)
            for (verb, resource), times in Counter((w.verb, w.resource) for w in writes).items()
            for nth in range(1, times + 1)
        ]
        for service, times in Counter(pushes).items():
            requests += [GitRequest(service, nth) for nth in range(1, times + 1)]
        return [CutPoint(request, after) for request in requests for after in (False, True)]


@dataclass(frozen=True, slots=True)
class Trap:
    """Holds a write-back at a cut point: `sprung` is set when it came there, `open` lets it go."""

    cut: bool  # whether the connection is reset then; else the request or its answer goes its way
    open: threading.Event
    sprung: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> bool:
        """Hold whoever comes; whether the request may go its way."""
        self.sprung.set()
        self.open.wait(HELD_SECONDS)
        return not self.cut


def arm(trap: Trap, point: CutPoint, proxy: ApiProxy, shop: Synced) -> None:
    """Hold the object's write-back when it comes to this point. A held answer of git is lost."""
    match point.request:
        case ApiWrite(verb, resource, nth):
            act = proxy.after if point.after else proxy.before
            steps: list[Action] = [Call(lambda _: trap.sprung.set()), Delay(trap.open)]
            for step in [*steps, Cut()] if trap.cut else steps:
                act(_writes_of(shop, verb, resource), step, skip=nth - 1, times=1)
        case GitRequest(service, nth):
            git = shop.world.git
            git.strike(shop.repository, service, trap.hold, skip=nth - 1, after=point.after)


def _writes_of(shop: Synced, verb: str | None = None, resource: str | None = None) -> Match:
    return matching(
        verb=verb,
        resource=resource or WRITTEN,
        namespace=shop.world.namespace,
        name=shop.name,
        writes=True,
    )
