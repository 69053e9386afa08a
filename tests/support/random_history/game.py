"""One random history in memory: steps drawn from a seed, each of which can be left out.

Step `n` of a seed draws from a source of chance of its own, so leaving out other steps changes it
as little as possible: that is what makes `shrink` work.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from ebbflow.api.base import Key
from tests.support.random_history.chronicle import check_once, chronicle
from tests.support.random_history.edits import Edits
from tests.support.random_history.faults import Fault, draw_fault
from tests.support.random_history.ground import MAIN, OPTIONS, URL, Ground
from tests.support.random_history.handwriting import annotate, read, revise, write
from tests.support.random_history.model import GIT, Violation
from tests.support.random_history.operators import Operator, together
from tests.support.random_history.quiet import check_quiet, disagrees, settle

USERS = ("ada", "bob", "eve")
BROKEN = (b"apiVersion: v1.2\narguments: [\n", b"zzz: 1\napiVersion: v1.2\n", b"\xff\xfe\x00", b"")


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, at which of the steps, and what had happened until then."""

    steps: tuple[int, ...]
    words: str
    trace: tuple[str, ...]


class Game:
    """A history under way."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"{seed}")
        names = self.random.choice((("shop",), ("shop",), ("shop", "twin")))
        path = self.random.choice(("a/shop.yaml", "a/shop.yaml", "shop.json"))
        self.ground = Ground(self.random, names, path)
        self.operators = [Operator(self.ground, self.random)]
        self.ground.faults.rival = self.rival
        self.ground.wake = self.wake
        self.trace: list[str] = [
            f"Templates {', '.join(names)} at {path}, window {self.ground.window}"
        ]
        self.step = 0
        self.rivals = itertools.count(1)
        self.last: str | None = None

    def wake(self, key: Key) -> None:
        """Let every process see an event of the object."""
        for operator in self.operators:
            operator.woken.append(key)

    async def play(self, steps: Sequence[int]) -> None:
        """Play the steps, then bring everything to rest. Raises Violation."""
        await settle(self.ground, self.operators)
        check_quiet(self.ground)
        for step in steps:
            await self._play(step)
        self.random = Random(f"{self.seed}/end")
        self.say("end")
        await self.rest()
        ground = self.ground
        log = ground.git.log(URL)
        found = list(chronicle(log, lambda sha: ground.git.show(URL, sha, ground.path)))
        for name in ground.keys:
            if not ground.ever_overruled:
                check_once(found, name)

    async def _play(self, step: int) -> None:
        self.step, self.random = step, Random(f"{self.seed}/{step}")
        (act,) = self.random.choices([act for _, act in ACTS], [weight for weight, _ in ACTS])
        done = act(self)
        if isinstance(done, Awaitable):
            await done
        for operator in self.operators:
            if not operator.process.alive:
                operator.restart()
        self.ground.look()
        self.ground.forget_options()

    def say(self, what: str) -> None:
        """Add to the trace."""
        self.trace.append(f"{self.step}: {what}")
        self.trace += self.ground.faults.said
        self.ground.faults.said.clear()

    @property
    def mark(self) -> str:
        return str(self.step)

    def a_name(self) -> str:
        return self.random.choice(list(self.ground.keys))

    # People

    def rival(self, fault: Fault) -> None:
        """Somebody acts between two calls of the operator."""
        kept, self.random = self.random, fault.random
        mark = f"{fault.mark}-{next(self.rivals)}"
        try:
            if self.random.random() < 0.6:
                self.push(mark)
            else:
                self.edit(mark)
        finally:
            self.random = kept

    def edit(self, mark: str | None = None) -> None:
        edits = Edits(self.random, mark or self.mark)
        name, user = self.a_name(), self.random.choice(USERS)
        document = edits.change(self.ground.document(name))
        self.ground.edit(name, document, f"{user}, step {mark or self.mark}")
        self.say(f"{user} edits {name}: {'; '.join(edits.done)}")

    def push(self, mark: str | None = None) -> None:
        if not self.ground.sound:
            return self.repair()
        edits, mark = Edits(self.random, mark or self.mark), mark or self.mark
        document = edits.change(self.ground.model.documents[GIT])
        text = revise(self.ground.file(), document, self.ground.path, self.random)
        self.ground.push(text, f"push of step {mark}")
        return self.say(f"push: {'; '.join(edits.done)}")

    def push_words(self) -> None:
        if self.ground.sound:
            text = self.ground.file()
            if self.random.random() < 0.3:
                text = write(self.ground.model.documents[GIT], self.ground.path, self.random)
            text = annotate(text, self.ground.path, self.random, self.mark)
            self.ground.push(text, f"words of step {self.mark}")
            self.say("push of a comment")

    def push_other(self) -> None:
        if self.ground.git.head(URL) is not None:
            self.ground.push_other(f"other file of step {self.mark}")
            self.say("push of another file")

    def force(self) -> None:
        """Rewrite the history: drop some commits, and put another one in their place."""
        if not self.ground.sound:
            return
        self.ground.look()
        log = self.ground.git.log(URL)
        commit = log[min(self.random.randrange(1, 5), len(log) - 1)].sha
        self.force_to(commit)

    def force_to(self, commit: str) -> None:
        try:
            text = self.ground.git.show(URL, commit, self.ground.path)
        except AssertionError:
            return
        if not isinstance(read(text), dict):
            return
        text = annotate(text, self.ground.path, self.random, f"{self.mark}-force")
        self.ground.git.point(URL, MAIN, commit)
        self.ground._seen[GIT] = commit
        self.ground.git.commit(URL, {self.ground.path: text, "forced": self.mark.encode()}, "F")
        self.ground.took(f"force push of step {self.mark}", forced=True)
        self.say(f"force push onto {commit[:7]}")

    def lose(self) -> None:
        if self.ground.sound:
            what = self.random.choice((None, "branch", *BROKEN))
            self.last = self.ground.git.head(URL)
            self.ground.lose(what, f"loss of step {self.mark}")
            self.say(f"lose {what!r}")

    def repair(self) -> None:
        """Bring the file back: as it was, or written anew with another edit."""
        if self.ground.sound:
            return
        if self.ground.git.head(URL) is None:
            assert self.last is not None
            self.ground.bring_back(self.last, f"branch back in step {self.mark}")
        else:
            edits = Edits(self.random, self.mark)
            document = self.ground.model.documents[GIT]
            if self.random.random() < 0.5:
                document = edits.change(document)
            text = write(document, self.ground.path, self.random)
            self.ground.push(text, f"repair of step {self.mark}")
        self.say("repair")

    def spoil(self) -> None:
        """Make an invalid edit in the cluster."""
        name = self.a_name()
        self.ground.edit(name, {**self.ground.document(name), "zzz": self.mark}, "a bad edit")
        self.say(f"invalid edit of {name}")

    def unspoil(self) -> None:
        for name in self.ground.keys:
            document = self.ground.document(name)
            if "zzz" in document:
                del document["zzz"]
                self.ground.edit(name, document, "a corrected edit")
                self.say(f"{name} is valid again")

    def choose(self) -> None:
        name, options = self.a_name(), self.random.choice((*OPTIONS, {}, {}))
        self.ground.choose(name, options)
        self.say(f"options of {name}: {options}")

    def agree(self) -> None:
        """Resolve conflicts as the message says: make the sides the same."""
        for name in self.ground.keys:
            if self.ground.sound and self.ground.model.conflicts(name):
                self.make_same(name)

    def resolve(self) -> None:
        """Resolve conflicts by annotation."""
        for name in self.ground.keys:
            if self.ground.sound and self.ground.model.conflicts(name):
                side = self.random.choice(("git", "cluster"))
                self.ground.resolve(name, side)
                self.say(f"resolve {name}: {side}")

    def make_same(self, name: str) -> None:
        document, file = self.ground.document(name), self.ground.model.documents[GIT]
        if self.random.random() < 0.5 and "zzz" not in document:
            text = revise(self.ground.file(), document, self.ground.path, self.random)
            self.ground.push(text, f"agreement of step {self.mark}")
            self.say(f"the file becomes as {name}")
        else:
            self.ground.edit(name, file, f"agreement in step {self.mark}")
            self.say(f"{name} becomes as the file")

    # Operators, time and faults

    async def work(self) -> None:
        key = self.ground.keys[self.a_name()]
        due = [o for o in self.operators if o.is_due(key) or self.random.random() < 0.1]
        if due:
            await together(due, key)
            self.say(f"pass over {key.name} by {len(due)}")

    async def wait(self) -> None:
        seconds = self.random.choice((0.1, 0.5, 1.5, 3.0, 12.0, 61.0, 70.0))
        self.ground.clock.advance(seconds)
        for operator in self.operators:
            await operator.poll()
        self.say(f"{seconds} s later")

    def trouble(self) -> None:
        fault = draw_fault(self.random, self.mark)
        self.ground.faults.waiting.append(fault)
        self.say(f"fault: {fault}")

    async def arrive(self) -> None:
        """Let a push arrive that was believed lost."""
        while self.ground.faults.on_their_way:
            await self.ground.faults.on_their_way.pop(0)()
            self.ground.look()
            self.say("a late push arrives")

    def restart(self) -> None:
        self.random.choice(self.operators).restart()
        self.say("restart")

    def staff(self) -> None:
        """Start a second operator, or end it."""
        if len(self.operators) > 1:
            self.operators.pop(self.random.randrange(2)).process.alive = False
        else:
            self.operators.append(Operator(self.ground, self.random))
        self.say(f"{len(self.operators)} operators")

    async def pause(self) -> None:
        """Come to rest without mending anything, and see whether it is right."""
        await self.arrive()
        await settle(self.ground, self.operators)
        self.say("rest")
        check_quiet(self.ground)

    async def rest(self) -> None:
        """Come to rest, mend what is wrong, and see that both sides are the same."""
        await self.pause()
        for name in self.ground.keys:
            self.ground.choose(name, {})
        self.repair()
        self.unspoil()
        for _ in range(6):
            await self.pause()
            open_conflicts = [n for n in self.ground.keys if disagrees(self.ground, n)]
            if not open_conflicts:
                return
            self.make_same(open_conflicts[0])
        raise Violation("the sides do not become the same after people made them agree")


ACTS: tuple[tuple[float, Callable[[Game], Awaitable[None] | None]], ...] = (
    (6, Game.edit),
    (6, Game.push),
    (1, Game.push_words),
    (1, Game.push_other),
    (0.3, Game.force),
    (0.4, Game.lose),
    (1, Game.repair),
    (0.3, Game.spoil),
    (0.5, Game.unspoil),
    (0.4, Game.choose),
    (0.7, Game.agree),
    (0.7, Game.resolve),
    (14, Game.work),
    (5, Game.wait),
    (4, Game.trouble),
    (1, Game.arrive),
    (0.5, Game.restart),
    (0.3, Game.staff),
    (0.5, Game.pause),
)


def play(seed: int, steps: Sequence[int]) -> Failure | None:
    """Play a history; None if every rule held."""

    async def run() -> Failure | None:
        loop = asyncio.get_running_loop()
        # A killed process leaves its last words to nobody.
        loop.set_exception_handler(lambda _loop, _context: None)
        game = Game(seed)
        try:
            await game.play(steps)
        except Exception as error:  # noqa: BLE001 - whatever the product raises is a finding
            game.say(f"{type(error).__name__}: {error}")
            return Failure(tuple(steps), f"{type(error).__name__}: {error}", tuple(game.trace))
        return None

    return asyncio.run(run())


def shrink(failure: Failure, seed: int, tries: int = 400) -> Failure:
    """Leave out steps as long as the history still fails in the same way."""
    size = max(1, len(failure.steps) // 2)
    while size and tries > 0:
        start = 0
        while start < len(failure.steps) and tries > 0:
            tries -= 1
            fewer = failure.steps[:start] + failure.steps[start + size :]
            found = play(seed, fewer)
            if found is not None and found.words.split(":")[:2] == failure.words.split(":")[:2]:
                failure = found
            else:
                start += size
        size //= 2
    return failure
