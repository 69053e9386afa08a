"""Git servers and the backend that talks to them, in memory; the fake of the `GitBackend` port.

Held to the same contract suites as the real backend, down to the ids of commits. The upper half of
the class is what people and servers do; the lower half is the port.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping

from typing_extensions import override

from ebbflow.devcluster.gitrepository import Content, LoggedCommit
from ebbflow.domain.addresses import check_branch_name, normalise_path
from ebbflow.domain.git import (
    HEADS,
    TAGS,
    AuthenticationFailed,
    BasicCredential,
    BlobId,
    BranchMoved,
    Changes,
    CommitGone,
    CommitHeader,
    CommitId,
    GitError,
    GitFile,
    NotACommit,
    NotAFile,
    PreparedCommit,
    Pushed,
    PushRefused,
    PushResult,
    Remote,
    RepositoryNotFound,
    Signature,
    TooLarge,
    Unreachable,
    is_lfs_pointer,
    lfs_words,
)
from ebbflow.domain.ports import GitBackend
from ebbflow.domain.secret import Tainted
from ebbflow.domain.source_archive import TreeBounds, TreeFile
from tests.support.memory_commits import (
    changes_between,
    checked,
    common,
    entry_of,
    files_below,
    logged,
    look_up,
    merged,
    prepared,
)
from tests.support.memory_objects import BLOB, COMMIT, DIRECTORY, TREE, Objects
from tests.support.memory_repository import MemoryRepository

MAIN = "main"
AUTHOR = "Ann Example <ann@example.com>"
MAX_BLOB_BYTES = 576 * 1024
REGULAR = {"100644", "100755"}


class MemoryGit(GitBackend):
    """All servers of the world, by the address of each repository."""

    def __init__(self, *, max_blob_bytes: int = MAX_BLOB_BYTES) -> None:
        self.repositories: dict[str, MemoryRepository] = {}
        self.operations: Counter[str] = Counter()  # ls-remote, fetch, history, push
        self.before_push: list[Callable[[], None]] = []
        self.after_push: list[Callable[[], None]] = []  # may raise: the answer is lost
        self.late: list[Callable[[], object]] = []  # pushes on their way, which have not arrived
        self.hold_next_push = False
        self._max_blob_bytes = max_blob_bytes
        self._fetched: set[tuple[Remote, CommitId]] = set()

    # What people and servers do

    def create_repository(
        self, url: str, files: Mapping[str, Content] | None = None, *, branch: str = MAIN
    ) -> CommitId:
        """Make a repository, with a first commit if there are files; return the commit's id."""
        self.repositories[url] = MemoryRepository()
        return self.commit(url, files, "Begin", branch=branch) if files else ""

    def commit(
        self,
        url: str,
        files: Mapping[str, Content],
        message: str = "Edit by hand",
        author: str = AUTHOR,
        *,
        branch: str = MAIN,
    ) -> CommitId:
        """Commit as a person would (None as content removes a file); return the commit's id."""
        repository = self.repositories[url]
        objects = repository.objects
        parent = repository.branches.get(branch)
        tree = objects.tree_of(parent) if parent else None
        for path, content in files.items():
            tree = objects.put(tree, path, entry_of(objects, content))
        repository.time += 1
        stamp = f"{author} {repository.time} +0000"
        lines = [f"tree {tree or objects.add(TREE, b'')}"]
        lines += [f"parent {parent}"] if parent else []
        lines += [f"author {stamp}", f"committer {stamp}", "", f"{message}\n"]
        repository.branches[branch] = objects.add(COMMIT, "\n".join(lines).encode())
        return repository.branches[branch]

    def merge(self, url: str, other: CommitId, *, branch: str = MAIN) -> CommitId:
        """Merge a commit that holds all that the branch does; return the new commit's id."""
        to = self.repositories[url]
        to.time += 1
        stamp = f"{AUTHOR} {to.time} +0000"
        to.branches[branch] = merged(to.objects, to.branches[branch], other, stamp)
        return to.branches[branch]

    def tag(self, url: str, name: str, commit: CommitId) -> None:
        """Make a tag, or move it."""
        self.repositories[url].tags[name] = commit

    def head(self, url: str, branch: str = MAIN) -> CommitId | None:
        """Return where a branch points; None if there is no such branch."""
        return self.repositories[url].branches.get(branch)

    def point(self, url: str, branch: str, commit: CommitId | None) -> None:
        """Make a branch point at a commit, whatever it pointed at (None deletes the branch)."""
        if commit is None:
            del self.repositories[url].branches[branch]
        else:
            self.repositories[url].branches[branch] = commit

    def show(self, url: str, revision: str, path: str) -> bytes:
        """Return the bytes of a file at a branch or commit."""
        repository = self.repositories[url]
        commit = repository.branches.get(revision, revision)
        entry = look_up(repository.objects, repository.objects.tree_of(commit), path)
        assert entry is not None, f"nothing at {path} in {revision}"
        return repository.objects.found[entry[1]][1]

    def log(self, url: str, branch: str = MAIN) -> list[LoggedCommit]:
        """Return the commits of a branch, newest first."""
        repository = self.repositories[url]
        ancestry = repository.objects.ancestry(repository.branches[branch])
        return [logged(repository.objects, sha) for sha in ancestry]

    def rewrite_history(self, url: str, files: Mapping[str, Content]) -> CommitId:
        """Replace everything by one new commit, as a forced push and a clean-up do; its id."""
        self.repositories[url].objects = Objects()
        self.repositories[url].branches.clear()
        self._fetched.clear()
        return self.commit(url, files, "Begin anew")

    def require(self, url: str, username: str, password: str) -> None:
        """Let only this user in from now on."""
        self.repositories[url].credential = BasicCredential(username, Tainted(password))

    def refuse_pushes(self, url: str, words: str | None) -> None:
        """Refuse every push with these words, as a hook does; None: take them again."""
        self.repositories[url].refusal = words

    def fail(self, url: str, trouble: GitError | None) -> None:
        """Answer every request for a repository with this error; None: be well again."""
        self.repositories[url].trouble = trouble

    # The port

    @override
    async def ls_heads(self, remote: Remote, branches: Collection[str]) -> Mapping[str, CommitId]:
        for branch in branches:
            checked(check_branch_name, branch)
        repository = await self._request("ls-remote", remote)
        return {name: repository.branches[name] for name in branches if name in repository.branches}

    @override
    async def ls_refs(self, remote: Remote, prefixes: Collection[str]) -> Mapping[str, CommitId]:
        repository = await self._request("ls-remote", remote)
        refs = {f"{HEADS}{name}": sha for name, sha in repository.branches.items()}
        refs |= {f"{TAGS}{name}": sha for name, sha in repository.tags.items()}
        return {ref: sha for ref, sha in refs.items() if ref.startswith(tuple(prefixes))}

    @override
    async def changes(self, remote: Remote, before: CommitId | None, after: CommitId) -> Changes:
        return changes_between((await self._fetch(remote, after)).objects, before, after)

    @override
    async def merge_base(self, remote: Remote, one: CommitId, other: CommitId) -> CommitId | None:
        return common((await self._request("history", remote)).objects, one, other)

    @override
    async def read_file(
        self, remote: Remote, branch: str, commit: CommitId, path: str
    ) -> GitFile | None:
        checked(normalise_path, path)
        repository = await self._fetch(remote, commit)
        entry = look_up(repository.objects, repository.objects.tree_of(commit), path)
        if entry is None:
            return None
        if entry[0] not in REGULAR:
            raise NotAFile(f"{path} is no regular file")
        data = repository.objects.found[entry[1]][1]
        if len(data) > self._max_blob_bytes:
            raise TooLarge(f"{path} has more than {self._max_blob_bytes} bytes")
        if is_lfs_pointer(data):
            raise NotAFile(lfs_words(path))
        return GitFile(entry[1], data)

    @override
    async def blob_ids(
        self, remote: Remote, branch: str, commit: CommitId, paths: Collection[str]
    ) -> Mapping[str, BlobId | None]:
        repository = await self._fetch(remote, commit)
        found: dict[str, BlobId | None] = {}
        for path in paths:
            try:
                entry = look_up(repository.objects, repository.objects.tree_of(commit), path)
            except (NotAFile, ValueError):
                entry = None
            found[path] = entry[1] if entry and entry[0] in REGULAR else None
        return found

    @override
    async def author_of(
        self, remote: Remote, branch: str, commit: CommitId, path: str
    ) -> Signature | None:
        checked(normalise_path, path)
        objects = (await self._fetch(remote, commit)).objects
        blob = (await self.blob_ids(remote, branch, commit, [path]))[path]
        while parents := objects.parents_of(commit):
            if (remote, parents[0]) not in self._fetched:
                return None
            before = await self.blob_ids(remote, branch, parents[0], [path])
            if before[path] != blob:
                break
            commit = parents[0]
        return Signature.parse(logged(objects, commit).author)

    @override
    async def read_blob(self, remote: Remote, blob: BlobId) -> bytes | None:
        await asyncio.sleep(0)
        repository = self.repositories.get(remote.url)
        kind, data = repository.objects.found.get(blob, (0, b"")) if repository else (0, b"")
        return data if kind == BLOB else None

    @override
    async def read_tree(
        self, remote: Remote, branch: str, commit: CommitId, directory: str, bounds: TreeBounds
    ) -> tuple[TreeFile, ...]:
        if directory:
            checked(normalise_path, directory)
        objects = (await self._fetch(remote, commit)).objects
        if objects.found[commit][0] != COMMIT:
            raise NotACommit(f"{commit} is no commit")
        tree = objects.tree_of(commit)
        for part in directory.split("/") if directory else ():
            mode, sha = objects.tree(tree).get(part, ("", ""))
            if mode != DIRECTORY:
                raise NotAFile(f"there is no directory {directory}")
            tree = sha
        found = tuple(files_below(objects, tree, ""))
        large = any(len(file.data) > self._max_blob_bytes for file in found)
        if large or len(found) > bounds.files:
            raise TooLarge("a file, or the commit, is too large")
        if sum(len(file.data) for file in found) > bounds.all_bytes:
            raise TooLarge("the commit is too large")
        return found

    @override
    async def prepare_commit(
        self,
        remote: Remote,
        branch: str,
        parent: CommitId,
        path: str,
        data: bytes,
        header: CommitHeader,
    ) -> PreparedCommit:
        checked(normalise_path, path)
        repository = await self._fetch(remote, parent)
        tree = repository.objects.tree_of(parent)
        there = look_up(repository.objects, tree, path)
        if there is not None and there[0] not in REGULAR:
            raise NotAFile(f"{path} is no regular file")
        made = Objects(dict(repository.objects.found))
        blob = made.add(BLOB, data)
        new_tree = made.put(tree, normalise_path(path), (there[0] if there else "100644", blob))
        return prepared(repository.objects, made, parent, str(new_tree), header, blob)

    @override
    async def prepare_files(
        self,
        remote: Remote,
        branch: str,
        parent: CommitId,
        files: Mapping[str, bytes | None],
        header: CommitHeader,
    ) -> PreparedCommit | None:
        for path in files:
            checked(normalise_path, path)
        repository = await self._fetch(remote, parent)
        old = repository.objects.tree_of(parent)
        made = Objects(dict(repository.objects.found))
        tree: str | None = old
        for path, data in sorted(files.items()):
            there = look_up(repository.objects, old, path)
            if there is not None and there[0] not in REGULAR:
                raise NotAFile(f"{path} is no regular file")
            entry = (there[0] if there else "100644", made.add(BLOB, data)) if data is not None else None  # fmt: skip
            if entry is not None and tree is not None:
                look_up(made, tree, path)
            if entry is not None or there is not None:
                tree = made.put(tree, normalise_path(path), entry)
        tree = tree or made.add(TREE, b"")
        return None if tree == old else prepared(repository.objects, made, parent, tree, header, "")

    @override
    async def push(
        self, remote: Remote, branch: str, commit: PreparedCommit, *, new: bool = False
    ) -> PushResult:
        for hook in list(self.before_push):
            hook()
        repository = await self._request("push", remote)
        if self.hold_next_push:
            self.hold_next_push = False
            self.late.append(lambda: self._receive(repository, branch, commit, new=new))
            raise Unreachable(f"{remote.url} did not answer")
        result = self._receive(repository, branch, commit, new=new)
        if isinstance(result, Pushed) and (remote, commit.parent) in self._fetched:
            self._fetched.add((remote, commit.commit))
        return result

    def _receive(
        self, repository: MemoryRepository, branch: str, commit: PreparedCommit, *, new: bool
    ) -> PushResult:
        head = repository.branches.get(branch)
        if head == commit.commit:
            return Pushed()
        if head != (None if new else commit.parent):
            return BranchMoved(head)
        if repository.refusal is not None:
            return PushRefused(repository.refusal)
        for kind, data in commit.objects:
            repository.objects.add(kind, data)
        repository.branches[branch] = commit.commit
        for hook in list(self.after_push):
            hook()
        return Pushed()

    @override
    async def contains(self, remote: Remote, branch: str, head: CommitId, commit: CommitId) -> bool:
        if head == commit:
            return True
        repository = await self._request("history", remote)
        return commit in repository.objects.ancestry(head)

    @override
    async def find_commit(
        self, remote: Remote, branch: str, head: CommitId, line: str
    ) -> CommitId | None:
        objects = (await self._request("history", remote)).objects
        for sha in objects.ancestry(head):
            if line in objects.found[sha][1].decode().partition("\n\n")[2].split("\n"):
                return sha
        return None

    async def _request(self, operation: str, remote: Remote) -> MemoryRepository:
        self.operations[operation] += 1
        await asyncio.sleep(0)
        repository = self.repositories.get(remote.url)
        if repository is None:
            raise RepositoryNotFound(f"{remote.url} does not exist")
        if repository.trouble is not None:
            raise repository.trouble
        if repository.credential is not None and repository.credential != remote.credential:
            raise AuthenticationFailed(f"{remote.url} refused the credentials")
        return repository

    async def _fetch(self, remote: Remote, commit: CommitId) -> MemoryRepository:
        if (remote, commit) in self._fetched:
            await asyncio.sleep(0)
            return self.repositories[remote.url]
        repository = await self._request("fetch", remote)
        if commit not in repository.objects.found:
            raise CommitGone(f"{remote.url} no longer has {commit[:7]}")
        self._fetched.add((remote, commit))
        return repository
