"""Where a random history happens in memory: objects, a repository, operators, and the model.

People act through the methods of `Ground`, so that the model knows what they did; whatever else
changes is the operator's doing, and is held against the model after every call of a port.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from ebbflow.api.base import Key
from ebbflow.domain.document import document_hash
from ebbflow.domain.sync import RESOLVE
from ebbflow.domain.taken import TAKEN
from tests.support import builders
from tests.support.memory_cluster import ManualClock, MemoryCluster, MemoryStatusWriter
from tests.support.memory_git import MemoryGit
from tests.support.random_history.faults import Faults
from tests.support.random_history.handwriting import lost_comments, read, write
from tests.support.random_history.model import GIT, Model, Rules, Violation
from tests.support.random_history.registers import START, JsonObject

URL = "https://git.example/acme/infra"
MAIN = "main"
OPTIONS: tuple[dict[str, str], ...] = (
    {},
    {"direction": "FromGit"},
    {"direction": "ToGit"},
    {"onConflict": "PreferGit"},
    {"onConflict": "PreferCluster"},
)


class Ground:
    """One repository with one file, the objects that follow it, and all that people do to them."""

    def __init__(self, random: Random, names: tuple[str, ...], path: str) -> None:
        self.clock = ManualClock()
        self.cluster = MemoryCluster()
        self.git = MemoryGit()
        self.status = MemoryStatusWriter(self.cluster, self.clock)
        self.path = path
        self.window = timedelta(seconds=random.choice((0, 2)))
        self.keys = {name: Key("Template", "default", name) for name in names}
        self.model = Model()
        self.faults = Faults(self.look)
        self.wake: Callable[[Key], None] = lambda _: None
        self.sound = True  # the file is there and valid
        self.in_effect: list[dict[str, str]] = [{}]
        self.ever_overruled = False
        self._seen: dict[str, str | None] = {}
        self._resolving: dict[str, str] = {}
        text = write(START, path, random)
        self.git.create_repository(URL, {"README.md": b"# Infra\n", path: text})
        for name in names:
            made = builders.template(name).within("default").at(URL, path)
            self.cluster.put(made.build())
            self.model.sides[name] = {}
        self.model.wrote(GIT, START, "the first commit")
        for name in names:
            self.model.sides[name] = dict(self.model.sides[GIT])
            self.model.documents[name] = START
        self._seen[GIT] = self.git.head(URL)

    # What there is

    def document(self, name: str) -> JsonObject:
        """Return the document of an object."""
        raw = self.cluster.raw(self.keys[name]) or {}
        found: JsonObject = raw["spec"].get("document") or copy.deepcopy(START)
        return found

    def file(self) -> bytes:
        """Return the file at the head of the branch."""
        return self.git.show(URL, MAIN, self.path)

    def is_pending(self) -> bool:
        """Tell whether a commit is recorded, or a push is on its way."""
        synced = [self.cluster.template(name).status.sync for name in self.keys]
        return bool(self.faults.on_their_way) or any(
            sync is not None and sync.pending_write is not None for sync in synced
        )

    def look(self) -> None:
        """Hold what the operator changed since the last look against the model."""
        for name, key in self.keys.items():
            raw = self.cluster.raw(key)
            assert raw is not None
            version = raw["metadata"]["resourceVersion"]
            if self._seen.get(name) == version:
                continue
            self._seen[name] = version
            if "document" in raw["spec"]:
                self.model.found(name, raw["spec"]["document"])
            self._look_at_resolution(name, raw["metadata"]["annotations"])
            self.model.agreed(raw.get("status", {}).get("sync", {}).get("documentHash"))
        self._look_at_git()

    def _look_at_resolution(self, name: str, annotations: JsonObject) -> None:
        """Tell the model which document of Git a resolution decided against, once it is used up."""
        if self._resolving.get(name) == annotations.get(RESOLVE):
            return
        if self._resolving.pop(name) == "cluster" and TAKEN in annotations:
            self.model.decided(name, json.loads(annotations[TAKEN])["documentHash"])

    def _look_at_git(self) -> None:
        head = self.git.head(URL)
        before = self._seen.get(GIT)
        if head == before:
            return
        self._seen[GIT] = head
        if not self.sound:
            raise Violation("the operator wrote over a file that is missing or no document")
        assert head is not None
        newest = self.git.log(URL)[0]
        if newest.parents != (before,):
            raise Violation(f"the operator's commit has parents {newest.parents}, not {before}")
        assert before is not None
        if lost := lost_comments(self.git.show(URL, before, self.path), self.file()):
            raise Violation(f"comments lost: {sorted(lost)}")
        document = read(self.file())
        if "zzz" in document:
            raise Violation("an invalid document was committed")
        self.model.found(GIT, document)

    # What people do in the cluster

    def edit(self, name: str, document: JsonObject, by: str) -> None:
        """Give an object another document, as a person who has the live object before them."""
        self.look()
        key = self.keys[name]
        self.cluster.edit(key, lambda raw: raw["spec"].update(document=document))
        self._note(name)
        self.model.wrote(name, document, by)
        self.wake(key)

    def choose(self, name: str, options: dict[str, str]) -> None:
        """Set the options of the sync of an object."""
        self.look()
        key = self.keys[name]
        self.cluster.edit(key, lambda raw: raw["spec"].update(sync=options))
        self._note(name)
        self.in_effect.append(options)
        self.ever_overruled |= bool(options)
        self.model.rules = rules_of(self.in_effect)
        self.wake(key)

    def resolve(self, name: str, side: str) -> None:
        """Annotate an object: in conflicts, this side is right."""
        self.look()
        key = self.keys[name]
        self.cluster.edit(key, lambda raw: raw["metadata"]["annotations"].update({RESOLVE: side}))
        self._note(name)
        self._resolving[name] = side
        self.in_effect.append({"resolve": side})
        self.ever_overruled = True
        self.model.rules = rules_of(self.in_effect)
        self.wake(key)

    def forget_options(self) -> None:
        """Let former options no longer count, if nothing that was decided by them is under way."""
        if self.is_pending():
            return
        raws = [self.cluster.raw(key) or {} for key in self.keys.values()]
        # A resolution is used up by the object's half of a merge; the file's half comes later.
        apart = self.sound and any(
            document_hash(raw["spec"].get("document")) != document_hash(self.model.documents[GIT])
            for raw in raws
        )
        kept = [one for one in self.in_effect if "resolve" in one] if apart else []
        self.in_effect = [*kept, *(raw["spec"].get("sync", {}) for raw in raws)]
        for raw in raws:
            if RESOLVE in raw["metadata"]["annotations"]:
                self.in_effect.append({"resolve": raw["metadata"]["annotations"][RESOLVE]})
        self.model.rules = rules_of(self.in_effect)

    def _note(self, name: str) -> None:
        raw = self.cluster.raw(self.keys[name]) or {}
        self._seen[name] = raw["metadata"]["resourceVersion"]

    # What people do in Git

    def push(self, text: bytes, by: str, *, forced: bool = False) -> None:
        """Commit the file, as a person who has pulled before."""
        self.look()
        self.git.commit(URL, {self.path: text}, by)
        self.took(by, forced=forced)

    def took(self, by: str, *, forced: bool = False) -> None:
        """Take note that a person moved the branch to where it is now."""
        self._seen[GIT] = self.git.head(URL)
        document = read(self.file())
        self.sound = isinstance(document, dict) and "zzz" not in document
        if self.sound:
            self.model.wrote(GIT, document, by, forced=forced)

    def push_other(self, by: str) -> None:
        """Commit another file."""
        self.look()
        self.git.commit(URL, {"other.txt": by.encode()}, by)
        self._seen[GIT] = self.git.head(URL)

    def lose(self, what: Any, by: str) -> None:
        """Remove the file, put something else in its place (bytes), or delete the branch."""
        self.look()
        if what == "branch":
            self.git.point(URL, MAIN, None)
        else:
            self.git.commit(URL, {self.path: what}, by)
        self._seen[GIT] = self.git.head(URL)
        self.sound = False

    def bring_back(self, commit: str, by: str) -> None:
        """Make the branch point at a commit and hold its file."""
        self.look()
        self.git.point(URL, MAIN, commit)
        self.took(by, forced=True)


def rules_of(options: list[dict[str, str]]) -> Rules:
    """Return what may be overruled under any of these options; `resolve` is the annotation."""
    always, in_conflicts = set(), set()
    for one in options:
        match one.get("direction"):
            case "FromGit":
                always |= {"cluster"}
            case "ToGit":
                always |= {"git"}
        match one.get("onConflict"), one.get("resolve"):
            case ("PreferGit", _) | (_, "git"):
                in_conflicts |= {"cluster"}
            case ("PreferCluster", _) | (_, "cluster"):
                in_conflicts |= {"git"}
    return Rules(frozenset(always), frozenset(in_conflicts))
