"""Lanes: worlds with operators of their own, in which many cut write-backs are tried at once.

All write-backs of a batch are held, each at its own cut point, before the operator is struck: so
one crash tries them all.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import count
from math import ceil

from tests.support.apifaults import matching
from tests.support.apiproxy import ApiProxy
from tests.support.builders import template
from tests.support.cuts import CutPoint, Tape, Trap, arm
from tests.support.edits import DOCUMENT, NOTHING, Meanwhile, Scenario
from tests.support.exact import check_exact, wait_settled, watch_moves
from tests.support.operator_process import OperatorProcess
from tests.support.people import Person
from tests.support.synced import PATH, Scene, Synced
from tests.support.waiting import eventually

# Generous: many operators start at once.
READY_SECONDS = 60.0
CUT_SECONDS = 30.0
TAKE_OVER_SECONDS = 30.0
END_SECONDS = 30.0
# A server gets two operations at a time from one operator, the API server 32 requests.
HELD_AT_GIT = 2
HELD_AT_API = 20
AT_ONCE = 8
PROBE = "probe"


class Fault(Enum):
    """What befalls the operator at the cut point, and who goes on."""

    KILLED = "killed-and-started-again"
    REPLACED = "killed-and-replaced"
    ASLEEP = "asleep-while-another-works"


@dataclass(frozen=True, slots=True)
class Case:
    """One write-back, cut at one point."""

    scenario: Scenario
    meanwhile: Meanwhile
    point: CutPoint


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a case: `trouble` is None, or says what was wrong."""

    case: Case
    trouble: str | None


_numbers = count(1)


@dataclass(frozen=True, slots=True)
class _Held:
    """A case whose object is there, with the trap that waits for it."""

    case: Case
    shop: Synced
    trap: Trap


@dataclass(frozen=True)
class Lane:
    """A world in which batches of cases are tried; two operators in it take turns."""

    scene: Scene
    proxy: ApiProxy
    operators: Sequence[OperatorProcess]
    alice: Person
    bob: Person

    def record(self, scenario: Scenario) -> list[CutPoint]:
        """Make one write-back undisturbed; the points at which it can be cut."""
        self._prepare()
        shop = scenario.prepare(self.scene, _name(scenario), self.alice)
        watch_moves(shop)
        tape = Tape.begin(self.proxy, shop)
        scenario.edit(shop, self.alice)
        wait_settled(shop)
        eventually(self._is_idle, CUT_SECONDS, "the operator to have nothing to do")
        points = tape.points()
        check_exact(shop, scenario, NOTHING, seen=True)
        return points

    def try_batch(self, fault: Fault, cases: Sequence[Case]) -> list[Tried]:
        """Hold the write-backs of all cases, each at its point, then let the fault befall all."""
        self._prepare()
        opened = threading.Event()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            held = list(pool.map(lambda case: self._hold(case, fault, opened), cases))
            leader = self._leader()
            # Few operations on Git go on at once: those that are held there come last.
            for at_git in (False, True):
                chosen = [each for each in held if each.case.point.at_git == at_git]
                list(pool.map(lambda each: each.case.scenario.edit(each.shop, self.alice), chosen))
                for each in chosen:
                    each.trap.sprung.wait(CUT_SECONDS)
            self._strike(fault, leader, held, opened, pool)
            return list(pool.map(lambda each: self._judge(each, fault), held))

    # The steps of a batch

    def _prepare(self) -> None:
        self.proxy.heal()
        self.scene.git.calm()
        for each in self.operators:
            if not each.running:
                each.start()
        for each in self.operators:
            each.wait_ready(READY_SECONDS)
        self._leader()
        # The API server learns of webhooks late.
        self.alice.wait_recorded(self._probe())

    def _probe(self) -> Synced:
        kubectl, namespace = self.scene.kubectl, self.scene.namespace
        kubectl.apply(template(PROBE).within(namespace).holding(DOCUMENT).build())
        return Synced(self.scene, PROBE, PROBE, PATH)

    def _hold(self, case: Case, fault: Fault, opened: threading.Event) -> _Held:
        """Make the object of a case, in step, and lay the trap for its write-back."""
        shop = case.scenario.prepare(self.scene, _name(case.scenario), self.alice)
        watch_moves(shop)
        trap = Trap(fault is not Fault.ASLEEP, opened)
        arm(trap, case.point, self.proxy, shop)
        return _Held(case, shop, trap)

    def _strike(
        self,
        fault: Fault,
        leader: OperatorProcess,
        held: Sequence[_Held],
        opened: threading.Event,
        pool: Executor,
    ) -> None:
        """Let the fault befall the leader, others act meanwhile, and somebody go on."""

        def meanwhile() -> None:
            list(pool.map(lambda each: each.case.meanwhile.act(each.shop, self.bob), held))

        match fault:
            case Fault.KILLED:
                leader.kill()
                opened.set()
                meanwhile()
                leader.start()
                leader.wait_ready(READY_SECONDS)
            case Fault.REPLACED:
                leader.kill()
                opened.set()
                meanwhile()
                self._wait_replaced(leader)
            case Fault.ASLEEP:
                leader.pause()
                meanwhile()
                self._wait_replaced(leader)
                list(pool.map(lambda each: _settle(each.shop), held))
                # What it had sent, or was about to be told, goes its way now.
                leader.resume()
                opened.set()
                leader.wait_end(END_SECONDS)

    def _judge(self, held: _Held, fault: Fault) -> Tried:
        case, shop = held.case, held.shop
        try:
            assert held.trap.sprung.is_set(), f"the write-back did not come to {case.point}"
            check_exact(shop, case.scenario, case.meanwhile, seen=fault is not Fault.KILLED)
        except Exception:  # noqa: BLE001 - whatever it is, it belongs to this case and not to others
            return Tried(case, f"{traceback.format_exc()}\n{self._evidence(shop)}")
        self.scene.kubectl.delete("Template", shop.name, self.scene.namespace)
        return Tried(case, None)

    def _evidence(self, shop: Synced) -> str:
        """What the operators and the proxy saw of an object, and what became of it."""
        match = matching(namespace=self.scene.namespace, name=shop.name)
        asked = [request.line() for request in self.proxy.requests(match)]
        said = [
            line
            for each in self.operators
            for log in sorted(each.directory.glob("*.log"))
            for line in log.read_text(errors="replace").splitlines()
            if f'"{shop.name}"' in line
        ]
        log = shop.world.git.log(shop.repository)
        commits = [f"{commit.sha[:7]} {commit.author}: {commit.message!r}" for commit in log]
        thing = shop.get()
        return "\n".join([*asked, *said, *commits, str(thing["spec"]), str(thing["status"])])

    # The operators

    def _is_idle(self) -> bool:
        leader = self._leader()
        busy = leader.metric("controller_runtime_active_workers")
        return busy + leader.metric("workqueue_depth") == 0

    def _leader(self) -> OperatorProcess:
        def leading() -> OperatorProcess | None:
            there = [each for each in self.operators if _leads(each)]
            return there[0] if len(there) == 1 else None

        found = eventually(leading, TAKE_OVER_SECONDS, "an operator to lead")
        assert found is not None
        return found

    def _wait_replaced(self, leader: OperatorProcess) -> None:
        (other,) = (each for each in self.operators if each is not leader)
        eventually(lambda: _leads(other), TAKE_OVER_SECONDS, f"{other.identity} to lead")


def try_all(lanes: Sequence[Lane], fault: Fault, cases: Sequence[Case]) -> list[Tried]:
    """Try the cases in batches, as many at once as there are lanes."""
    waiting: queue.SimpleQueue[Lane] = queue.SimpleQueue()
    for lane in lanes:
        waiting.put(lane)

    def try_one(batch: Sequence[Case]) -> list[Tried]:
        lane = waiting.get()
        try:
            return lane.try_batch(fault, batch)
        finally:
            waiting.put(lane)

    with ThreadPoolExecutor(len(lanes)) as pool:
        return [tried for each in pool.map(try_one, batches(cases)) for tried in each]


def batches(cases: Sequence[Case]) -> list[list[Case]]:
    """Share the cases out: no batch holds more at Git, or in all, than can be held at once."""
    at_git = [case for case in cases if case.point.at_git]
    others = [case for case in cases if not case.point.at_git]
    number = max(ceil(len(at_git) / HELD_AT_GIT), ceil(len(others) / HELD_AT_API), 1)
    return [at_git[start::number] + others[start::number] for start in range(number)]


def _settle(shop: Synced) -> None:
    # Whether it does is for the judgement to say.
    with suppress(AssertionError):
        wait_settled(shop)


def _name(scenario: Scenario) -> str:
    return f"{scenario.name}-{next(_numbers)}"


def _leads(operator: OperatorProcess) -> bool:
    return operator.answers() and operator.metric("leader_election_master_status") == 1
