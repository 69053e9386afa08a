"""Which refs moved since they were last seen, each move once. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ebbflow.api.gittrigger import (
    MAX_HEADS,
    MAX_REF,
    GitTriggerSpec,
    GitTriggerStatus,
    TriggerHead,
)
from ebbflow.domain.git import HEADS, TAGS
from ebbflow.domain.triggers.change import (
    Move,
    PullMove,
    PullRequest,
    RefMove,
    is_no_commit,
)
from ebbflow.domain.triggers.patterns import matches_any
from ebbflow.domain.triggers.pulls import follows_pull, held_back

MAX_HEADS_BYTES: Final = 600_000
"""What all heads may take of a status: an object has 1.5 MiB at most, and people choose names."""

_BESIDE_THE_NAME: Final = 150  # of a head as JSON, with a commit of 64 digits


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trigger's status remembers of refs.

    `scope`: which repository and refs these are (`scope_of`). `heads` None: never looked.
    `forgotten`: the most moves of a ref that is gone.
    """

    scope: str = ""
    heads: Mapping[str, TriggerHead] | None = None
    forgotten: int = 0

    @classmethod
    def of(cls, status: GitTriggerStatus) -> Seen:
        """Read it from the status."""
        heads = status.heads
        return cls(
            status.scope or "",
            None if heads is None else {head.ref: head for head in heads},
            status.forgotten or 0,
        )

    def fields(self) -> dict[str, object]:
        """Return the fields of the status that hold it, in wire form, sorted by ref."""
        heads = None if self.heads is None else [h.dump() for _, h in sorted(self.heads.items())]
        return {"scope": self.scope, "heads": heads, "forgotten": self.forgotten}


@dataclass(frozen=True, slots=True)
class Observed:
    """The moves, in order of their refs, and what to remember once their Runs are made.

    `left_out`: how many refs match that there is no room for. While there are any, new refs start
    nothing.
    """

    moves: tuple[Move, ...]
    seen: Seen
    left_out: int = 0


def scope_of(spec: GitTriggerSpec) -> str:
    """Return two hashes, with a dash between: of what the heads are of, and of which are followed.

    The first differs: nothing that was seen counts. The second: what is new is a starting point,
    and so is what was held; what was followed before moves as ever.
    """
    return f"{_hash(spec.git and spec.git.repository, spec.type)}-{_hash(*_followed(spec))}"


def _followed(spec: GitTriggerSpec) -> tuple[object, ...]:
    drafts_and_forks = (spec.ignore_drafts, spec.forks.allow)
    return spec.branches, spec.tags, spec.base_branches, spec.labels, *drafts_and_forks


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def follows(spec: GitTriggerSpec, ref: str) -> bool:
    """Tell whether the trigger looks at a branch or tag, by its whole name such as refs/tags/v1."""
    match spec.type:
        case "Push":
            name = ref.removeprefix(HEADS)
            return ref.startswith(HEADS) and matches_any(spec.branches, name)
        case "Tag":
            name = ref.removeprefix(TAGS)
            return ref.startswith(TAGS) and (not spec.tags or matches_any(spec.tags, name))
        case "PullRequest" | "PullRequestLabel" | "Schedule" | "Webhook":
            return False


def observe_refs(spec: GitTriggerSpec, seen: Seen, now: Mapping[str, str]) -> Observed:
    """Compare branches and tags with what was seen: each difference is one move.

    `now`: every ref of the repository with its commit (a tag's: what it points to); refs that the
    trigger does not follow are passed over. `seen` must have been read before `now` was listed:
    an older listing under a newer memory would look like refs that moved back.
    """
    found = {ref: sha for ref, sha in now.items() if follows(spec, ref) and not is_no_commit(sha)}
    view = _View(seen, scope_of(spec))
    moves: list[Move] = []
    heads: dict[str, TriggerHead] = {}
    kept, left_out = view.within_limit(found)
    for ref in kept:
        before, sha = view.known.get(ref), found[ref]
        if before is not None and before.commit == sha:
            heads[ref] = before
            continue
        number = view.next_number(ref)
        if before is not None or view.new_ones_move:
            moves.append(
                RefMove(ref, None if before is None else before.commit, sha, number=number)
            )
        heads[ref] = TriggerHead(ref=ref, commit=sha, moves=number)
    for ref, head in view.known.items():
        if ref not in found and follows(spec, ref):
            moves.append(RefMove(ref, head.commit, None, number=view.next_number(ref)))
    return view.observed(moves, heads, left_out)


def observe_pulls(
    spec: GitTriggerSpec,
    seen: Seen,
    pulls: Iterable[PullRequest],
    approved: Collection[str],
) -> Observed:
    """Compare the open pull requests with what was seen: a new commit is a move, and so is one that
    was held and is not any more.

    `pulls`: all that are open; a listing that failed half-way must not come here. `approved`: the
    commits of forks that may run. A commit starts one run in its pull request: labels that go and
    come again start none.
    """
    view = _View(seen, scope_of(spec))
    found = {pull.ref: pull for pull in pulls if follows_pull(spec, pull)}
    moves: list[Move] = []
    heads: dict[str, TriggerHead] = {}
    kept, left_out = view.within_limit(found)
    for ref in kept:
        pull, before = found[ref], view.known.get(ref)
        held = held_back(spec, pull, approved) is not None
        if before is not None and before.commit == pull.head_sha and (held or not before.held):
            heads[ref] = before
            continue
        number = view.next_number(ref)
        moved = before is not None and before.commit != pull.head_sha
        if moved or view.new_ones_move:
            moves.append(PullMove(pull, None if before is None else before.commit, number))
        heads[ref] = TriggerHead(ref=ref, commit=pull.head_sha, moves=number, held=held)
    return view.observed(moves, heads, left_out)


class _View:
    """What was seen, as far as it still counts under the scope of now."""

    def __init__(self, seen: Seen, scope: str) -> None:
        place, _, rules = scope.partition("-")
        place_before, _, rules_before = seen.scope.partition("-")
        looked = seen.heads is not None
        self._scope = scope
        heads = seen.heads or {}
        self.known = heads if place == place_before else {}
        dropped = {} if place == place_before else heads
        self._forgotten = max(seen.forgotten, *(head.moves for head in dropped.values()), 0)
        self.new_ones_move = looked and (place, rules) == (place_before, rules_before)

    def next_number(self, ref: str) -> int:
        """Return the number of the ref's next move.

        It follows from what was stored alone: a pass that made Runs and was cut short before it
        stored anything gives the same numbers again, and so the same Runs.
        """
        head = self.known.get(ref)
        return (self._forgotten if head is None else head.moves) + 1

    def within_limit(self, refs: Collection[str]) -> tuple[list[str], int]:
        """Return the refs that there is room for, sorted, and how many more there are.

        Those that are known come first.
        """
        kept: list[str] = []
        room = MAX_HEADS_BYTES
        for ref in sorted(refs, key=lambda ref: (ref not in self.known, ref)):
            size = len(ref.encode(errors="replace")) + _BESIDE_THE_NAME
            if len(kept) < MAX_HEADS and size <= room and len(ref) <= MAX_REF:
                kept.append(ref)
                room -= size
        return sorted(kept), len(refs) - len(kept)

    def observed(
        self, moves: Iterable[Move], heads: Mapping[str, TriggerHead], left_out: int
    ) -> Observed:
        """Return the moves in order, and what to remember."""
        # Going was a move too.
        gone = (head.moves + 1 for ref, head in self.known.items() if ref not in heads)
        forgotten = max(self._forgotten, *gone, 0)
        # Refs that there was no room for must not look new as soon as there is.
        scope = f"{self._scope.partition('-')[0]}-full" if left_out else self._scope
        return Observed(
            tuple(sorted(moves, key=lambda move: move.ref)),
            Seen(scope, heads, forgotten),
            left_out,
        )
