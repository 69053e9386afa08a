"""The API writes of a Run as points at which it can be cut, and what must hold of it afterwards.

Each Run is in a namespace of its own, so that every write there is one of its.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from tests.support.apifaults import Action, Call, Cut, Delay, Match, matching
from tests.support.apiproxy import ApiProxy
from tests.support.kubectl import Kubectl
from tests.support.ran import Source, config_map, source, steps_document

JsonObject = dict[str, Any]

# That of a write that is held until the operator is struck is never given up before.
HELD_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Point:
    """The `nth` write (from 1) of this verb and resource: before it arrives, or after it was made."""

    verb: str
    resource: str
    nth: int
    after: bool

    @override
    def __str__(self) -> str:
        when = "after" if self.after else "before"
        return f"{when} {self.verb} {self.resource} {self.nth}"


@dataclass(frozen=True)
class Scenario:
    """One way for a Run to come about: `begin` makes it once its Template is there."""

    name: str
    begin: Callable[[Source], object]
    known: int
    """The least number of writes it takes."""


def _by_hand(shop: Source) -> None:
    shop.start(f"{shop.name}-run")


def _by_an_update(shop: Source) -> None:
    change = {"spec": {"document": {"arguments": {"V": "2"}}}}
    shop.kubectl.patch("Template", shop.name, shop.namespace, change)


BY_HAND = Scenario("by-hand", _by_hand, 9)
BY_AN_UPDATE = Scenario("by-an-update", _by_an_update, 9)


def prepare(kubectl: Kubectl, namespace: str, name: str, robot: str, *, updates: bool) -> Source:
    """Make a Template of two nodes, the later of which reads the earlier; nothing runs yet."""
    first = config_map(f"{name}-a", v="${args.V}")
    second = config_map(f"{name}-b", uid=f"${{refs.{name}-a.metadata.uid}}")
    document = steps_document(first, second, arguments={"V": "1"})
    shop = source(kubectl, namespace, name, document, serviceAccountName=robot, runOnUpdate=updates)

    def looked_at(seen: JsonObject) -> bool:
        status = seen.get("status", {})
        return "effective" in status and (not updates or "updated" in status)

    kubectl.wait_for("Template", name, namespace, looked_at, what="to be looked at", timeout=30.0)
    return shop


def writes_in(namespace: str) -> Match:
    """Match every write of a namespace."""
    return matching(namespace=namespace, writes=True)


def points(proxy: ApiProxy, namespace: str, since: int) -> list[Point]:
    """Both sides of every write of the namespace since the mark."""
    made = proxy.requests(writes_in(namespace), since=since)
    # Events are told to people only, and a write that was refused is made once more.
    done = [request for request in made if request.resource != "events" and request.status != 409]
    counted = Counter((request.verb, request.resource) for request in done)
    return [
        Point(verb, resource, nth, after)
        for (verb, resource), times in counted.items()
        for nth in range(1, times + 1)
        for after in (False, True)
    ]


@dataclass(frozen=True, slots=True)
class Trap:
    """Holds a Run at a point: `sprung` is set when it came there, `opened` lets it go on."""

    point: Point
    opened: threading.Event
    cut: bool
    sprung: threading.Event = field(default_factory=threading.Event)

    def lay(self, proxy: ApiProxy, namespace: str) -> None:
        """Hold the write when it comes; it is then lost, or its answer is, if `cut`."""
        act = proxy.after if self.point.after else proxy.before
        match = matching(
            verb=self.point.verb, resource=self.point.resource, namespace=namespace, writes=True
        )
        steps: list[Action] = [Call(lambda _: self.sprung.set()), Delay(self.opened)]
        for step in [*steps, Cut()] if self.cut else steps:
            act(match, step, skip=self.point.nth - 1, times=1)


def check_whole(shop: Source, scenario: Scenario) -> None:
    """Check that there was one Run, that it did each node once, and that nothing is left of it.

    Raises AssertionError while that is not so (yet).
    """
    kubectl, namespace, name = shop.kubectl, shop.namespace, shop.name
    runs = shop.runs()
    assert len(runs) == 1, [run["metadata"]["name"] for run in runs]
    (run,) = runs
    status, meta = run["status"], run["metadata"]
    assert status.get("phase") == "Succeeded", status
    nodes = [(node["path"], node["phase"], node["attempt"]) for node in status["nodes"]]
    assert nodes == [("0", "Succeeded", 1), ("1", "Succeeded", 1)], nodes
    assert not meta.get("finalizers"), meta
    assert [owner["name"] for owner in meta["ownerReferences"]] == [name]
    first = kubectl.get("ConfigMap", f"{name}-a", namespace)
    second = kubectl.get("ConfigMap", f"{name}-b", namespace)
    assert first["data"] == {"v": "2" if scenario is BY_AN_UPDATE else "1"}
    assert second["data"] == {"uid": first["metadata"]["uid"]}
    parent = kubectl.get("Template", name, namespace)["status"]
    assert not parent.get("active"), parent
    assert not parent.get("queue"), parent
    last = parent.get("lastRun", {})
    assert (last.get("name"), last.get("phase")) == (meta["name"], "Succeeded"), last
    kept = [
        each["metadata"]["name"]
        for each in kubectl.list_all("ControllerRevision", namespace)
        if meta["uid"] in (owner["uid"] for owner in each["metadata"]["ownerReferences"])
    ]
    assert kept == [status["documentRef"]["name"]], kept
