"""The model: for every place in a document a register, and who had seen what when writing it.

A person's write comes after what the person's side held. So the writes of a register are a tree,
and the rule that no edit is lost is short: the operator may replace a write only by one that comes
after it. The exceptions are the documented ones: an option or a resolution overrules a side; and a
side that holds what both sides last agreed on has no edit to lose.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ebbflow.domain.document import document_hash
from tests.support.random_history.registers import JsonObject, Registers, order, registers, scope

GIT = "git"
RECENT = 6


class Violation(AssertionError):
    """The product broke a rule."""


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """One write of a register by a person; `value` None removes it, `before` is what was there.

    `same` is what another side held already when this made the sides agree. `forced`: the branch was made to point elsewhere, which looks as if nothing had been there.
    """

    path: str
    value: str | None
    before: Write | None
    by: str
    forced: bool = False
    same: Write | None = None

    def __str__(self) -> str:
        return f"{self.value} ({self.by})"

    def line(self) -> Iterator[Write]:
        here: Write | None = self
        while here is not None:
            yield here
            here = here.before


def comes_after(later: Write, earlier: Write) -> bool:
    """Tell whether who wrote `later` had seen `earlier`; a write comes after itself."""
    return any(write is earlier for write in later.line())


def knows(later: Write, earlier: Write) -> bool:
    """Tell whether who wrote `later` had seen `earlier` on any side."""
    stack, met = [later], set()
    while stack:
        here = stack.pop()
        if here is earlier:
            return True
        met.add(id(here))
        stack += [w for w in (here.before, here.same) if w is not None and id(w) not in met]
    return False


def is_forced_after(later: Write, earlier: Write) -> bool:
    """Tell whether a rewritten history lies between two writes."""
    since = itertools.takewhile(lambda write: write is not earlier, later.line())
    return comes_after(later, earlier) and any(write.forced for write in since)


def apart(one: Write, other: Write) -> bool:
    """Tell whether neither of two writers had seen what the other one wrote, as far as it shows.

    After a rewritten history it looks as if the old one had never been.
    """
    if one.value == other.value:
        return False
    pairs = ((one, other), (other, one))
    return not any(comes_after(a, b) and not is_forced_after(a, b) for a, b in pairs)


@dataclass(frozen=True, slots=True)
class Rules:
    """Which sides, of `git` and `cluster`, may be overruled now: always, or in conflicts only."""

    always: frozenset[str] = frozenset()
    in_conflicts: frozenset[str] = frozenset()


@dataclass
class Model:
    """What each side holds, register by register, and all writes ever made.

    `bases` are documents that both sides lately had in common: a status recorded them, or an
    object was given all that they hold.
    """

    rules: Rules = field(default_factory=Rules)
    sides: dict[str, dict[str, Write]] = field(default_factory=dict)
    documents: dict[str, JsonObject] = field(default_factory=dict)
    bases: deque[Registers] = field(default_factory=lambda: deque(maxlen=RECENT))
    moved: dict[str, list[str]] = field(default_factory=dict)
    _writes: dict[str, list[Write]] = field(default_factory=dict)

    def held(self, side: str, path: str) -> Write:
        """Return the write that a side holds in a register."""
        return self.sides[side].get(path) or self._first(path)

    def wrote(
        self, side: str, document: JsonObject, by: str, *, forced: bool = False
    ) -> list[Write]:
        """Take note of what a person made of a side's document."""
        self._remember(document)
        before = self.documents.get(side)
        if before is not None and order(before) != order(document):
            self.moved[side] = order(document)
        self.documents[side] = document
        new, made = registers(document), []
        for path in self._changed(side, new):
            old = self.held(side, path)
            others = (self.held(other, path) for other in self.sides if other != side)
            same = next((write for write in others if write.value == new.get(path)), None)
            made.append(Write(path, new.get(path), old, by, forced, same))
            self._writes[path].append(made[-1])
            self.sides[side][path] = made[-1]
        return made

    def found(self, side: str, document: JsonObject) -> None:
        """Take note of what the operator made of a side's document. Raises Violation."""
        self._remember(document)
        self.documents[side] = document
        new, contested = registers(document), self._contested(side)
        changed = self._changed(side, new)
        if changed and side != GIT:
            self._had_in_common(registers(self.documents[GIT]))
        for path in changed:
            overruled = scope(path) in contested or _kind(side) in self.rules.always
            self.sides[side][path] = self._replacement(side, path, new.get(path), overruled)

    def agreed(self, base: str | None) -> None:
        """Take note of the hash that a status records as what both sides held."""
        document = self.documents.get(f"#{base}")
        if document is not None:
            self._had_in_common(registers(document))

    def decided(self, side: str, over: str) -> None:
        """Take note that a resolution kept what a side holds, over the document with this hash.

        It is a write of its own: who goes on in Git from there has not seen it, and who had written
        there before has. Other documents than this one it does not speak of.
        """
        document = self.documents.get(f"#{over}")
        if document is None:
            return
        refused = registers(document)
        for path in self._changed(side, refused):
            kept, value = self.held(side, path), refused.get(path)
            line = self.held(GIT, path).line()
            before = next((write for write in line if write.value == value), kept)
            made = Write(path, kept.value, before, f"a resolution, for {kept.by}", same=kept)
            self._writes[path].append(made)
            self.sides[side][path] = made

    def conflicts(self, one: str, other: str = GIT) -> list[str]:
        """Return the places that two sides changed without having seen each other's change.

        They are registers, and steps that one side removed and the other one changed.
        """
        paths = [p for p in self._writes if self.held(one, p).value != self.held(other, p).value]
        found = {p for p in paths if apart(self.held(one, p), self.held(other, p))}
        for item in {scope(p) for p in paths if scope(p) != p}:
            inner = [p for p in self._writes if scope(p) == item]
            if self._removed_and_changed(one, other, inner):
                found.add(item)
        return sorted(found)

    def _removed_and_changed(self, one: str, other: str, paths: list[str]) -> bool:
        sides = [[self.held(side, path) for path in paths] for side in (one, other)]
        if all(any(write.value is not None for write in side) for side in sides):
            return False
        ahead, behind = (
            any(not comes_after(b, a) for a, b in zip(*pair, strict=True))
            for pair in (sides, reversed(sides))
        )
        return ahead and behind

    def _had_in_common(self, base: Registers) -> None:
        if base not in self.bases:
            self.bases.append(base)

    def _remember(self, document: JsonObject) -> None:
        self.documents[f"#{document_hash(document)}"] = document

    def _first(self, path: str) -> Write:
        return self._writes.setdefault(path, [Write(path, None, None, "nobody")])[0]

    def _changed(self, side: str, new: Registers) -> list[str]:
        held = self.sides.setdefault(side, {})
        paths = held.keys() | new.keys()
        return sorted(p for p in paths if self.held(side, p).value != new.get(p))

    def _contested(self, side: str) -> set[str]:
        """Return what of a side may be overruled because it is in conflict."""
        if _kind(side) not in self.rules.in_conflicts:
            return set()
        pairs = itertools.combinations(self.sides, 2)
        return {scope(path) for pair in pairs for path in self.conflicts(*pair)}

    def _replacement(self, side: str, path: str, value: str | None, overruled: bool) -> Write:
        """Return the write that the operator put in the place of what a side held."""
        old = self.held(side, path)
        # Git first: who removed a value is not told by the value.
        others = [self.held(other, path) for other in sorted(self.sides, key=_not_git)]
        known = [w for w in (*others, *reversed(self._writes[path])) if w.value == value]
        # Nor is it told by the value who wrote it, where several wrote the same.
        olds = [old, *(w for w in self._writes[path] if w.value == old.value and w is not old)]
        for new in known:
            if any(self._may_replace(one, new, now=new in others) for one in olds):
                return new
        if overruled and known:
            return self._overrule(old, known[0])
        raise Violation(
            f"edit lost: in {side}, {path} was {old}; the operator made it {_words(old, value, known)}"
        )

    def _overrule(self, old: Write, new: Write) -> Write:
        """Return the write that an option made of another one: it comes after what it replaced."""
        made = Write(old.path, new.value, old, f"an option, for {new.by}")
        self._writes[old.path].append(made)
        for side in self.sides.values():
            if side.get(old.path) is new:
                side[old.path] = made
        return made

    def _may_replace(self, old: Write, new: Write, *, now: bool) -> bool:
        if knows(new, old):
            return True
        if not any(base.get(old.path) == old.value for base in self.bases):
            return False
        # What was agreed on is no edit; but an older write must not come back, unless it seems
        # that it never arrived.
        return not comes_after(old, new) or (now and is_forced_after(old, new))


def _not_git(side: str) -> bool:
    return side != GIT


def _kind(side: str) -> str:
    return side if side == GIT else "cluster"


def _words(old: Write, value: str | None, known: list[Write]) -> str:
    if not known:
        return f"{value}, which nobody wrote"
    for new in known:
        if not comes_after(old, new):
            return f"{new}, written without having seen it"
    return f"{known[0]}, which is older"
