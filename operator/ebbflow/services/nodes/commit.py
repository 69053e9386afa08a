"""Commit: writes files to a branch."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from ebbflow.api.base import JsonObject
from ebbflow.api.place import BranchName, RepositoryAddress
from ebbflow.api.run import PlannedChange
from ebbflow.api.template import AccountReference, GitPlace
from ebbflow.domain.addresses import check_branch_name, normalise_path
from ebbflow.domain.authorship import UNRESOLVED, author_of
from ebbflow.domain.git import GitError, NotAFile, Signature
from ebbflow.domain.leaks import IsSecret, leaked_path
from ebbflow.services.nodes.errands import PATIENCE, Errands
from ebbflow.services.nodes.kind import (
    Call,
    CannotDo,
    Failed,
    NodeKind,
    NotNow,
    Planned,
    Result,
    Running,
    Succeeded,
)
from ebbflow.services.nodes.spec import NodeSpec
from ebbflow.services.repositories.repository_commits import CannotCommit, RepositoryCommits, Wanted
from ebbflow.services.repositories.repository_files import NoAccess

FILE_BYTES: Final = 512 * 1024
ALL_BYTES: Final = 5 * 1024 * 1024
MOST_FILES: Final = 500

AGAIN: Final = timedelta(seconds=5)
"""How soon a server that gave no answer is asked again."""

REMEMBERED: Final = 1024
"""Attempts of which is remembered that nobody knows whether their commit arrived."""

NO_PULL_REQUESTS: Final = (
    "this version of ebbflow cannot open pull requests; leave pullRequest out, commit to a branch of "
    "its own, and open the pull request with an HTTP node that calls your provider's API"
)


class CommitPlace(NodeSpec):
    """Another repository than the document's."""

    account_ref: AccountReference | None = Field(
        default=None, description="The GitAccount to use; it must allow the Run's namespace."
    )
    repository: RepositoryAddress = Field(description="The repository's address.")


class CommitSpec(NodeSpec):
    """Which files a branch is to hold, and how the commit is called."""

    git: CommitPlace | None = Field(
        default=None,
        description="The repository; absent: that of the document, with its account.",
    )
    branch: BranchName = Field(description="The branch, without refs/heads/.")
    base: BranchName | None = Field(
        default=None,
        description="The branch that a new one begins at; absent: the document's own branch, in its "
        "repository.",
    )
    files: dict[str, Annotated[str, Field(max_length=FILE_BYTES)] | None] = Field(
        min_length=1,
        max_length=MOST_FILES,
        description="Contents by path, 512 KiB each and 5 MiB in all; null removes the file.",
    )
    message: str = Field(
        min_length=1, max_length=4096, description="The commit's message; trailers are added."
    )
    pull_request: JsonObject | None = Field(
        default=None, description="Not possible yet: it is refused."
    )

    @field_validator("branch", "base")
    @classmethod
    def _is_branch(cls, value: str | None) -> str | None:
        if value is not None:
            check_branch_name(value)
        return value

    @field_validator("files")
    @classmethod
    def _are_files(cls, value: dict[str, str | None]) -> dict[str, str | None]:
        files = {normalise_path(path): text for path, text in value.items()}
        if len(files) != len(value):
            raise ValueError("a path is there twice, once with / in front; give each file once")
        sizes = {path: len((text or "").encode()) for path, text in files.items()}
        large = next((path for path, size in sizes.items() if size > FILE_BYTES), None)
        if large is not None:
            raise ValueError(f"{large} has more than {FILE_BYTES // 1024} KiB; cut it into several")
        if sum(sizes.values()) > ALL_BYTES:
            raise ValueError(f"the files have more than {ALL_BYTES // 1024**2} MiB in all")
        return files

    @field_validator("message")
    @classmethod
    def _is_message(cls, value: str) -> str:
        if not value.strip() or any(c < " " and c not in "\n\t" for c in value):
            raise ValueError("must hold text, without control characters other than line breaks")
        return value

    @model_validator(mode="after")
    def _opens_no_pull_request(self) -> Self:
        if self.pull_request is not None:
            raise ValueError(NO_PULL_REQUESTS)
        return self


class Commit(NodeKind[CommitSpec]):
    """Pushes one commit an attempt; files that are so already make none.

    `is_secret` knows values of Secrets: they are refused, as Git keeps what it was given for ever.
    """

    name: ClassVar[str] = "Commit"
    recalls: ClassVar[bool] = False
    spec = CommitSpec

    def __init__(
        self, commits: RepositoryCommits, is_secret: IsSecret, patience: float = PATIENCE
    ) -> None:
        self._commits = commits
        self._is_secret = is_secret
        self._pushes = Errands(patience)
        self._unsure: deque[str] = deque(maxlen=REMEMBERED)

    @override
    async def act(self, call: Call[CommitSpec]) -> Result:
        return await self._pushes.follow(
            call,
            lambda: self._push(call),
            lost="it was lost what became of the push; look at the branch",
            meanwhile="the commit is being pushed",
        )

    @override
    async def plan(self, call: Call[CommitSpec]) -> Planned:
        """The account is asked for, and nothing of the branch: it may be another by then."""
        wanted = self._wanted(call, seek=False)
        try:
            await self._commits.check(call.run.key, wanted.place)
        except NoAccess as error:
            raise CannotDo(f"spec.git: {error}") from error
        title = f"Commit to {wanted.place.branch} of {wanted.place.repository}"
        change = PlannedChange(node=call.path, object=title, action="update")
        return Planned((change,), {"commit": "", "url": ""})

    @override
    async def stop(self, call: Call[CommitSpec]) -> None:
        self._pushes.give_up(call.idempotency_key)

    def _wanted(self, call: Call[CommitSpec], *, seek: bool) -> Wanted:
        """Return what the branch is to hold. Raises CannotDo."""
        spec = call.spec
        place = _place(spec, call.run)
        self._refuse_secrets(spec)
        files = {path: None if t is None else t.encode() for path, t in spec.files.items()}
        return Wanted(
            place=place,
            base=spec.base or _own_branch(place, call.run),
            files=files,
            message=spec.message,
            author=_author(call.run),
            time=call.attempt_at,
            attempt=call.idempotency_key,
            seek=seek,
        )

    def _refuse_secrets(self, spec: CommitSpec) -> None:
        texts = {"files": spec.files, "message": spec.message}
        path = leaked_path(texts, None, self._is_secret)
        if path is not None:
            raise CannotDo(
                f"spec: SecretInDocument: {path} holds what is or looks like a secret, and Git would "
                "show it to everybody for ever; keep it in a Secret and write its name instead"
            )

    async def _push(self, call: Call[CommitSpec]) -> Result:
        seek = call.inherited or call.idempotency_key in self._unsure
        wanted = self._wanted(call, seek=seek)
        try:
            done = await self._commits.write(call.run.key, wanted)
        except NoAccess as error:
            raise CannotDo(f"spec.git: {error}") from error
        except CannotCommit as error:
            return Failed(str(error))
        except NotAFile as error:
            raise CannotDo(f"spec.files: {error}") from error
        except GitError as error:
            if not error.transient:
                raise CannotDo(f"spec.git: {error}") from error
            self._unsure.append(call.idempotency_key)
            raise NotNow(str(error), error.retry_after or AGAIN) from error
        said = f"commit {done.commit[:7]}" if done.made else "the files are so already"
        branch = wanted.place.branch
        outputs = {"commit": done.commit, "url": done.url, "branch": branch}
        return Succeeded(outputs, f"{said} on {branch}")


def _place(spec: CommitSpec, run: Running) -> GitPlace:
    """Return the repository and branch; the path says nothing here."""
    path = next(iter(spec.files))
    if spec.git is not None:
        given = spec.git
        return GitPlace(
            account_ref=given.account_ref,
            repository=given.repository,
            branch=spec.branch,
            path=path,
        )
    if run.git is None:
        raise CannotDo(
            "spec.git: the document is not kept in Git, so it does not say which repository; "
            "name it with git: {accountRef, repository}"
        )
    return run.git.model_copy(update={"branch": spec.branch, "path": path})


def _own_branch(place: GitPlace, run: Running) -> str | None:
    """Return the branch of the document, if the commit goes to its repository."""
    if run.git is None or run.git.repository != place.repository:
        return None
    return run.git.branch


def _author(run: Running) -> Signature | None:
    """Return who is behind the Run; None where nobody has to be: then it is the committer."""
    if run.actor is not None:
        return author_of(run.actor)
    return UNRESOLVED if run.maker_unknown else None
