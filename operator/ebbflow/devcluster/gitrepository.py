"""A bare Git repository on disk, used through the real `git` program as a person would."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a tree that is no plain file: `data` is the target of a link (mode 120000),
    the commit of a submodule (160000), or the content of an executable (100755).
    """

    mode: str
    data: bytes


Content = bytes | Entry | None
"""What to put at a path: a plain file, something else, or nothing (None removes the file)."""


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """One commit as `git log` tells it; author and committer are `Name <email>`."""

    sha: str
    parents: tuple[str, ...]
    author: str
    committer: str
    time: int
    message: str


class GitFailed(RuntimeError):
    """The git program refused; the text has its words."""


def git_environment(home: Path) -> dict[str, str]:
    """Return an environment in which git reads no configuration of the machine or the user."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A bare repository; every method is one or two runs of git."""

    path: Path

    @classmethod
    def create(cls, path: Path, branch: str) -> GitRepository:
        """Make an empty repository that answers partial fetches as the public hosts do."""
        path.mkdir(parents=True)
        repository = cls(path)
        repository.git("init", "--quiet", "--bare", f"--initial-branch={branch}", ".")
        with (path / "config").open("a", encoding="utf-8") as config:
            config.write(
                "[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n"
                "[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n"
            )
        return repository

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git in the repository and return what it prints.

        Raises:
            GitFailed: with git's words.
        """
        done = subprocess.run(  # noqa: S603  # a fixed program; the arguments never meet a shell
            ["git", *arguments],  # noqa: S607  # whichever git the person has
            cwd=self.path,
            env=git_environment(self.path),
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip()
            raise GitFailed(f"git {arguments[0]}: {words}")
        return done.stdout

    def configure(self, key: str, value: str) -> None:
        """Set an entry of the repository's own configuration."""
        self.git("config", key, value)

    def head(self, branch: str) -> str | None:
        """Return the commit that the branch points at; None if there is no such branch."""
        found = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return found.decode().strip() or None

    def commit(
        self, files: Mapping[str, Content], *, message: str, author: str, branch: str
    ) -> str:
        """Commit changed files onto a branch, creating it where it does not exist."""
        # fast-import: one process however many files there are, and no work tree.
        ref = f"refs/heads/{branch}"
        parts = [f"commit {ref}\nauthor {author} now\ncommitter {author} now\n".encode()]
        parts.append(_data(message.encode() if message.endswith("\n") else f"{message}\n".encode()))
        if self.head(branch) is not None:
            parts.append(f"from {ref}^0\n".encode())
        parts += [_change(path, content) for path, content in files.items()]
        self.git("fast-import", "--quiet", "--date-format=now", stdin=b"".join(parts))
        return self.git("rev-parse", "--verify", ref).decode().strip()

    def point(self, branch: str, commit: str | None) -> None:
        """Make the branch point at a commit, whatever it pointed at (None deletes the branch)."""
        if commit is None:
            self.git("update-ref", "-d", f"refs/heads/{branch}")
        else:
            self.git("update-ref", f"refs/heads/{branch}", commit)

    def show(self, revision: str, path: str) -> bytes:
        """Return the bytes of a file at a revision."""
        return self.git("cat-file", "blob", f"{revision}:{path}")

    def log(self, branch: str) -> list[LoggedCommit]:
        """Return the commits of a branch, newest first."""
        form = "%H%x00%P%x00%an <%ae>%x00%cn <%ce>%x00%at%x00%B%x01"
        text = self.git("log", f"--format={form}", f"refs/heads/{branch}").decode()
        return [_logged(record.lstrip("\n")) for record in text.split("\x01") if record.strip()]

    def diff(self, revision: str) -> str:
        """Return the whole diff text of one commit against its parent."""
        return self.git("show", "--format=", "--patch", "--no-color", revision).decode()

    def check(self) -> str:
        """Run `git fsck --strict` and return its complaints, empty if there are none."""
        try:
            return self.git("fsck", "--strict", "--no-dangling", "--no-progress").decode()
        except GitFailed as failed:
            return str(failed)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _change(path: str, content: Content) -> bytes:
    quoted = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    match content:
        case None:
            return f"D {quoted}\n".encode()
        case Entry(mode="160000", data=commit):
            return f"M 160000 {commit.decode()} {quoted}\n".encode()
        case Entry(mode=mode, data=data):
            return f"M {mode} inline {quoted}\n".encode() + _data(data)
        case bytes():
            return f"M 100644 inline {quoted}\n".encode() + _data(content)


def _logged(record: str) -> LoggedCommit:
    sha, parents, author, committer, time, message = record.split("\0")
    return LoggedCommit(sha, tuple(parents.split()), author, committer, int(time), message)
