"""Random histories of a real repository, each verdict against a plain model of the rules."""

from __future__ import annotations

import re

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ebbflow.api.gittrigger import GitTriggerSpec, GitTriggerStatus
from ebbflow.domain.triggers.decide import decide
from ebbflow.domain.triggers.moves import Observed, Seen, observe_refs
from tests.support.trigger_history import FLAG, IGNORED, History

BRANCHES = ("main", "release/1", "release/1/fix", "dev", "größe/#1")
TAGS = ("v1", "v2", "nightly")
RULES = (("main",), ("main", "release/*"), ("*",), ())
FILES = ("docs/a", "docs/b/c", "src/a", "README")
MESSAGES = ("Fix it", f"Write about it {FLAG}", "Merge")

branches, tags = st.sampled_from(BRANCHES), st.sampled_from(TAGS)
edits = st.dictionaries(st.sampled_from(FILES), st.sampled_from(["", "1", "2"]), max_size=3)


def spec(type_: str, **fields: object) -> GitTriggerSpec:
    return GitTriggerSpec.model_validate(
        {
            "type": type_,
            "git": {"repository": "https://git.acme.dev/shop"},
            "targets": [{"kind": "Template", "name": "shop"}],
            "paths": {"patterns": [IGNORED]},
            "ignoreFlags": {"enabled": True},
            **fields,
        }
    )


class Watcher:
    """One trigger that looks now and then, beside the model of what it should see."""

    def __init__(self, spec: GitTriggerSpec) -> None:
        self.spec = spec
        self.seen = Seen()
        self.last: dict[str, str] | None = None  # the model's memory
        self.wanted = ""  # the globs as a regular expression, by the model
        self.looked_by = spec
        self.started: set[tuple[str, str, int]] = set()

    def follows(self, ref: str) -> bool:
        if self.spec.type == "Tag":
            return ref.startswith("refs/tags/v")
        globs = "|".join(re.escape(glob).replace(r"\*", ".*") for glob in self.spec.branches)
        return re.fullmatch(rf"refs/heads/(?:{globs or '(?!)'})", ref) is not None

    def expected(self, history: History) -> list[tuple[str, str | None, str | None, str]]:
        now = {ref: sha for ref, sha in history.refs.items() if self.follows(ref)}
        if self.last is None:
            return []
        found = []
        for ref in sorted({*self.last, *now}):
            before, after = self.last.get(ref), now.get(ref)
            new = before is None and self.spec == self.looked_by
            if (before is not None and self.follows(ref) and before != after) or new:
                found.append((ref, before, after, history.expected(before, after)))
        return found

    def look(self, history: History) -> None:
        expected = self.expected(history)
        observed = observe_refs(self.spec, self.seen, history.listing())
        assert self.verdicts(history, observed) == expected
        # A crash before anything is stored: the next pass starts the same Runs, by their names.
        assert observe_refs(self.spec, self.seen, history.listing()) == observed
        self.seen = Seen.of(GitTriggerStatus.model_validate(observed.seen.fields()))
        assert self.seen == observed.seen
        assert observe_refs(self.spec, self.seen, history.listing()).moves == ()
        self.last = {ref: sha for ref, sha in history.refs.items() if self.follows(ref)}
        self.looked_by = self.spec

    def verdicts(
        self, history: History, observed: Observed
    ) -> list[tuple[str, str | None, str | None, str]]:
        found = []
        for move in observed.moves:
            reason = decide(self.spec, history.change(move)).reason.value
            found.append((move.ref, move.before, move.after, reason))
            if reason == "RulesMet":
                name = (move.ref, move.after or "", move.number)
                assert name not in self.started, "two moves would be one Run"
                self.started.add(name)
        return found


class Histories(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.history = History()
        root = self.history.commit((), {"README": "1"}, "Begin")
        self.history.point("refs/heads/main", root)
        self.pushes = Watcher(spec("Push", branches=RULES[1]))
        self.tags = Watcher(spec("Tag", tags=["v*"]))

    def tip(self, branch: str) -> str:
        refs = self.history.refs
        return refs.get(f"refs/heads/{branch}") or next(iter(self.history.commits))

    @rule(branch=branches, changes=edits, message=st.sampled_from(MESSAGES))
    def push(self, branch: str, changes: dict[str, str], message: str) -> None:
        tip = self.tip(branch)
        files = {**self.history.commits[tip].files, **changes}
        files = {path: text for path, text in files.items() if text}
        self.history.point(
            f"refs/heads/{branch}", self.history.commit((tip,), files or {"README": "1"}, message)
        )

    @rule(into=branches, other=branches, message=st.sampled_from(MESSAGES))
    def merge(self, into: str, other: str, message: str) -> None:
        ours, theirs = self.tip(into), self.tip(other)
        files = {**self.history.commits[theirs].files, **self.history.commits[ours].files}
        self.history.point(
            f"refs/heads/{into}", self.history.commit((ours, theirs), files, message)
        )

    @rule(branch=branches, data=st.data())
    def force(self, branch: str, data: st.DataObject) -> None:
        somewhere = data.draw(st.sampled_from(sorted(self.history.commits)))
        self.history.point(f"refs/heads/{branch}", somewhere)

    @rule(branch=branches)
    def rewind(self, branch: str) -> None:
        parents = self.history.commits[self.tip(branch)].parents
        if parents:
            self.history.point(f"refs/heads/{branch}", parents[0])

    @rule(tag=tags, branch=branches, annotated=st.booleans())
    def tag(self, tag: str, branch: str, annotated: bool) -> None:
        self.history.point(f"refs/tags/{tag}", self.tip(branch), annotated=annotated)

    @precondition(lambda self: self.history.refs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.history.delete(data.draw(st.sampled_from(sorted(self.history.refs))))

    @precondition(lambda self: self.history.refs)
    @rule(data=st.data())
    def remake(self, data: st.DataObject) -> None:
        """Deleted, and made anew where it was: another move, though nothing tells it from the first."""
        ref = data.draw(st.sampled_from(sorted(self.history.refs)))
        sha = self.history.refs[ref]
        self.look()
        self.history.delete(ref)
        self.look()
        self.history.point(ref, sha)
        self.look()

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.history.lost.add(data.draw(st.sampled_from(sorted(self.history.commits))))

    @rule(globs=st.sampled_from(RULES))
    def edit(self, globs: tuple[str, ...]) -> None:
        self.pushes.spec = spec("Push", branches=globs)

    @rule()
    def look(self) -> None:
        self.pushes.look(self.history)
        self.tags.look(self.history)

    @invariant()
    def both_say_the_same(self) -> None:
        if hasattr(self, "history"):
            assert self.history.listing() == self.history.refs


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=settings.default.max_examples // 5, stateful_step_count=40
)
