"""A Template with the repository that it follows, and short words for what tests do to both."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ebbflow.devcluster.gitrepository import Content
from tests.support.builders import DEFAULT_BRANCH, template
from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl, condition_of
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

SHOP = b"""\
# The shop
apiVersion: v1.2
arguments:
  REPLICAS: "2"     # how many
  COLOUR: red
spec: {kind: Workflow, spec: {type: sequential, steps: []}}
"""
PATH = "templates/shop.yaml"
WAIT_SECONDS = 10.0


class World(Protocol):
    """Where it happens; the fixture `shared` is one."""

    @property
    def kubectl(self) -> Kubectl: ...
    @property
    def git(self) -> FaultyGitServer: ...
    @property
    def namespace(self) -> str: ...
    @property
    def account(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Scene:
    """A world put together from the fixtures of one test."""

    kubectl: Kubectl
    git: FaultyGitServer
    namespace: str
    account: str


@dataclass(frozen=True, slots=True)
class Synced:
    """One Template and the file that it is kept the same as."""

    world: World
    name: str
    repository: str
    path: str
    branch: str = DEFAULT_BRANCH

    # In the cluster

    def get(self) -> JsonObject:
        """The object."""
        return self.world.kubectl.get("Template", self.name, self.world.namespace)

    def document(self) -> JsonObject | None:
        """Its spec.document; None if it has none."""
        found: JsonObject | None = self.get()["spec"].get("document")
        return found

    def arguments(self) -> JsonObject:
        """The arguments of its document."""
        arguments: JsonObject = (self.document() or {})["arguments"]
        return arguments

    def ready(self) -> tuple[str, str, str]:
        """Status, reason and message of its condition Ready."""
        found = condition_of(self.get(), "Ready")
        assert found is not None, "it has no condition Ready"
        return found["status"], found["reason"], found["message"]

    def patch(self, **spec: Any) -> JsonObject:
        """Merge fields into its spec."""
        patch = {"spec": spec}
        return self.world.kubectl.patch("Template", self.name, self.world.namespace, patch)

    def edit(self, **arguments: Any) -> JsonObject:
        """Edit arguments of its document."""
        return self.patch(document={"arguments": arguments})

    def wait(self, status: str = "True", reason: str | None = None) -> JsonObject:
        """Wait until the operator says so of the object as it is now; the object."""
        return self.world.kubectl.wait_condition(
            "Template", self.name, self.world.namespace, "Ready", status, reason=reason
        )

    def wait_stalled(self, reason: str) -> str:
        """Wait until it is Stalled for this reason, and no other condition says else; the message."""
        seen = self.wait("False", reason)
        assert condition_of(seen, "Reconciling") is None
        stalled = condition_of(seen, "Stalled")
        assert stalled is not None
        assert (stalled["status"], stalled["reason"]) == ("True", reason)
        return str(stalled["message"])

    def wait_settled(self) -> None:
        """Wait until no commit is recorded as on its way any more."""
        what = f"the record of {self.name}'s commit to go"
        eventually(lambda: "pendingWrite" not in self.get()["status"]["sync"], WAIT_SECONDS, what)

    def wait_arguments(self, **expected: Any) -> JsonObject:
        """Wait until the document has exactly these arguments; the object."""

        def holds(seen: JsonObject) -> bool:
            return bool(seen["spec"].get("document", {}).get("arguments") == expected)

        return self.world.kubectl.wait_for(
            "Template", self.name, self.world.namespace, holds, what=f"to hold {expected}"
        )

    def wait_commit(self, commit: str) -> JsonObject:
        """Wait until the status says that both sides are the same as of this commit; the object."""

        def holds(seen: JsonObject) -> bool:
            return bool(seen.get("status", {}).get("sync", {}).get("commit") == commit)

        what = f"to be in step with {commit[:7]}"
        return self.world.kubectl.wait_for(
            "Template", self.name, self.world.namespace, holds, what=what
        )

    def look_now(self) -> JsonObject:
        """Ask for a pass by annotation and wait until it is done; the object."""
        return self.wait_look(self.ask_for_a_look())

    def ask_for_a_look(self) -> str:
        """Ask for a pass by annotation; the token that answers it."""
        token = secrets.token_hex(8)
        self.world.kubectl.annotate("Template", self.name, self.world.namespace, requested_at=token)
        return token

    def wait_look(self, token: str) -> JsonObject:
        """Wait until the pass that the token asked for is done; the object."""
        return self.world.kubectl.wait_for(
            "Template",
            self.name,
            self.world.namespace,
            lambda seen: seen.get("status", {}).get("lastHandledRequestedAt") == token,
            what="to answer the request for a pass",
        )

    # In Git

    @property
    def url(self) -> str:
        """The repository's address."""
        return self.world.git.url_of(self.repository)

    def head(self) -> str:
        """The commit that the branch points at."""
        found = self.world.git.head(self.repository, self.branch)
        assert found is not None, f"there is no branch {self.branch}"
        return found

    def file(self, path: str | None = None) -> bytes:
        """The file, or another one, at the head of the branch."""
        return self.world.git.show(self.repository, self.branch, (path or self.path).lstrip("/"))

    def push(self, content: Content, message: str = "Edit by hand") -> str:
        """Commit the file as a person would; the commit."""
        files = {self.path.lstrip("/"): content}
        return self.world.git.commit(self.repository, files, message, branch=self.branch)

    def subjects(self) -> list[str]:
        """The first lines of the messages of the branch's commits, newest first."""
        log = self.world.git.log(self.repository, self.branch)
        return [commit.message.splitlines()[0] for commit in log]

    def wait_file(self, content: bytes, timeout: float = WAIT_SECONDS) -> None:
        """Wait until the file is exactly this; `timeout` is in seconds."""

        def same() -> bool:
            assert self.file() == content, self.file().decode(errors="replace")
            return True

        eventually(same, timeout, f"{self.repository}:{self.path} to hold the edit")


def link(
    world: World,
    name: str,
    files: Mapping[str, Content] | bytes = SHOP,
    *,
    path: str = PATH,
    document: JsonObject | None = None,
    ready: bool = True,
    **spec: Any,
) -> Synced:
    """Make a repository and a Template of one name, and wait until they are in step (`ready`).

    `files` are those of the first commit; bytes are the file at `path`. `spec` are more fields.
    """
    held = {path.lstrip("/"): files} if isinstance(files, bytes) else files
    world.git.create_repository(name, held)
    return attach(world, name, name, path=path, document=document, ready=ready, **spec)


def attach(
    world: World,
    name: str,
    repository: str,
    *,
    path: str = PATH,
    branch: str = DEFAULT_BRANCH,
    document: JsonObject | None = None,
    ready: bool = True,
    **spec: Any,
) -> Synced:
    """Make a Template of a repository that exists, and wait until it is in step (`ready`)."""
    made = template(name).within(world.namespace).spec(**spec)
    made = made.at(world.git.url_of(repository), path, branch=branch, account=world.account)
    if document is not None:
        made = made.holding(document)
    world.kubectl.create(made.build())
    synced = Synced(world, name, repository, path, branch)
    if ready:
        synced.wait()
    return synced


def wait_questions(git: FaultyGitServer, more: int, repository: str | None = None) -> None:
    """Wait until upload-pack was asked this many times more: each is an ls-remote or a fetch."""
    begin = git.counts.total("upload-pack", repository)

    def enough() -> bool:
        return git.counts.total("upload-pack", repository) >= begin + more

    eventually(enough, WAIT_SECONDS, f"{more} more questions to the Git server")


def operations(git: FaultyGitServer) -> int:
    """How many operations were counted: each ls-remote, fetch and push is one."""
    # The listing of references before a push, or before the first question, belongs to it.
    return git.counts.total("upload-pack") + git.counts.total("receive-pack")


def changed_lines(diff: str) -> list[str]:
    """The lines of a diff that begin with + or -, without those that name the files."""
    lines = [line for line in diff.splitlines() if line.startswith(("+", "-"))]
    return [line for line in lines if not line.startswith(("+++ ", "--- "))]


def as_json(document: JsonObject) -> bytes:
    """Write a document as people write JSON files."""
    return json.dumps(document, indent=2).encode() + b"\n"
