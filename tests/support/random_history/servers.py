"""People of a random history on real servers: each edits what is there, as who has just read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from ebbflow.devcluster.gitrepository import GitFailed
from tests.support.api_client import ApiError
from tests.support.kubectl import KINDS, condition_of
from tests.support.random_history.chronicle import check_once, chronicle
from tests.support.random_history.edits import Edits
from tests.support.random_history.handwriting import annotate, read, revise
from tests.support.random_history.model import GIT, Model, Violation
from tests.support.random_history.registers import START, JsonObject, registers
from tests.support.synced import Synced

CONFLICT = 409
UNRESOLVED = "unresolved"
ATTEMPTS = 20


@dataclass
class Pair:
    """One object and its file, the people who edit them, and what the model knows of both."""

    synced: Synced
    users: tuple[str, ...]
    random: Random
    model: Model = field(default_factory=Model)
    told: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Take note that both sides hold START."""
        self.model.sides[self.synced.name] = {}
        self.model.wrote(GIT, START, "the first commit")
        self.model.sides[self.synced.name] = dict(self.model.sides[GIT])

    def look(self) -> JsonObject:
        """Hold what the operator changed on both sides against the model; the object."""
        thing = self.synced.get()
        self._found(thing)
        self._found_file(self.synced.head())
        return thing

    def _found(self, thing: JsonObject) -> None:
        self.model.agreed(thing["status"].get("sync", {}).get("documentHash"))
        self.model.found(self.synced.name, thing["spec"]["document"])

    def _found_file(self, commit: str) -> bytes:
        text = self.synced.world.git.show(self.synced.repository, commit, self.synced.path)
        self.model.found(GIT, read(text))
        return text

    def edit(self, mark: str) -> None:
        """Edit the object, as one of its users who has the live object before them."""
        edits, user = Edits(self.random, mark), self.random.choice(self.users)
        for _ in range(ATTEMPTS):
            thing = self.look()
            new = edits.change(thing["spec"]["document"])
            if self._put(thing, new, user):
                self.model.wrote(self.synced.name, new, user)
                self.told.append(f"{mark}: {user} edits {self.synced.name}: {edits.done}")
                return
            edits.done.clear()
        raise AssertionError("the object never keeps still")

    def _put(self, thing: JsonObject, document: JsonObject, user: str) -> bool:
        path = KINDS["Template"].path(self.synced.world.namespace, self.synced.name)
        version = thing["metadata"]["resourceVersion"]
        patch: list[dict[str, Any]] = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/spec/document", "value": document},
        ]
        try:
            self.synced.world.kubectl.api.call(
                "PATCH",
                path,
                patch,
                content_type="application/json-patch+json",
                headers={"Impersonate-User": user},
            )
        except ApiError as error:
            if error.code != CONFLICT:
                raise
            return False
        return True

    def push(self, mark: str, document: JsonObject | None = None) -> None:
        """Commit to the file, as who has just pulled; a push that came too late is made again."""
        edits = Edits(self.random, mark)
        git, name = self.synced.world.git, self.synced.repository
        repository, branch = git.repository(name), f"refs/heads/{self.synced.branch}"
        for _ in range(ATTEMPTS):
            head = self.synced.head()
            text = self._found_file(head)
            new = document or edits.change(self.model.documents[GIT])
            text = revise(text, new, self.synced.path, self.random)
            text = annotate(text, self.synced.path, self.random, mark)
            repository.point("desk", head)
            git.commit(name, {self.synced.path: text}, f"Step {mark}", branch="desk")
            try:
                repository.git("update-ref", branch, "refs/heads/desk", head)
            except GitFailed:
                edits.done.clear()
                continue
            self.model.wrote(GIT, read(text), f"push of step {mark}")
            self.told.append(f"{mark}: push to {self.synced.path}: {edits.done or 'agreement'}")
            return
        raise AssertionError("the branch never keeps still")

    # At rest

    def is_at_rest(self) -> bool:
        """Whether the operator has said its word about the object and the file as they are now."""
        thing = self.look()
        ready = condition_of(thing, "Ready")
        assert ready is not None
        words = f"{self.synced.name}: {ready['reason']}: {ready['message']}"
        assert ready.get("observedGeneration") == thing["metadata"]["generation"], words
        assert "pendingWrite" not in thing["status"]["sync"], words
        if ready["reason"] == "InStep":
            assert registers(thing["spec"]["document"]) == registers(self.model.documents[GIT])
            return True
        assert ready["reason"] == "Conflict", words
        return True

    def conflicts(self) -> list[str]:
        """The paths that the status says are in conflict; they have to be so by the model, too."""
        thing = self.look()
        listed = [one["path"] for one in thing["status"]["sync"].get("conflicts", [])]
        ready = condition_of(thing, "Ready")
        if ready is not None and ready["reason"] == "Conflict":
            moved = self.model.moved
            if not self.model.conflicts(self.synced.name) and not moved:
                raise Violation(f"{self.synced.name}: false conflict at {listed}")
        return listed

    def check(self) -> None:
        """Check the commits: linear, each edit in one of them, and nobody named who edited not."""
        git, name = self.synced.world.git, self.synced.repository
        log = git.log(name)
        shown = list(chronicle(log, lambda sha: git.show(name, sha, self.synced.path)))
        check_once(shown, self.synced.name)
        for one in shown:
            if one.ours and one.commit.message.rstrip().endswith(f"/{self.synced.name}"):
                author = one.commit.author.split(" <")[0]
                if author not in (*self.users, UNRESOLVED):
                    raise Violation(f"{one.commit.sha[:7]} names {author}")
