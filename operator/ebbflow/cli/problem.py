"""What the command line says when something goes wrong: what, where, what to do, in three lines."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from typing_extensions import override

if TYPE_CHECKING:
    from ebbflow.domain.ports import ClusterError

FAILED = 1


class Problem(Exception):
    """Something that a person has to know. `code` is the exit code.

    The text has up to three lines: what is wrong, where, and what to do about it.
    """

    def __init__(self, what: str, where: str = "", advice: str = "", *, code: int = FAILED) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.advice = advice
        self.code = code

    @classmethod
    def told_by(cls, error: Exception) -> Self:
        """Return the problem that an error of three lines tells: what, where, what to do."""
        what, *rest = (line.strip() for line in str(error).splitlines())
        return cls(what, *rest[:2])

    @override
    def __str__(self) -> str:
        return "\n  ".join(line for line in (self.what, self.where, self.advice) if line)


def explain(error: Exception) -> Problem | None:
    """Return what to say about an error that a command may meet; None: nobody thought of it.

    The modules that define the errors load slowly, so they are looked at only now.
    """
    from ebbflow.domain.document import InvalidDocument  # noqa: PLC0415
    from ebbflow.domain.git import AddressNotAllowed, GitError  # noqa: PLC0415
    from ebbflow.domain.ports import ClusterError, InvalidObject  # noqa: PLC0415

    match error:
        case Problem():
            return error
        case ClusterError():
            return _of_cluster(error)
        case InvalidObject():
            what = "an object does not look as this ebbflow expects"
            advice = "use the operator's version; `ebbflow version` tells the one of this command"
        case InvalidDocument():
            what, advice = "the document is not valid", "`ebbflow lint` checks files"
        case AddressNotAllowed():
            what = "Git may not be read there"
            advice = "correct spec.git; --allow-insecure-http has this command read http:// too"
        case GitError():
            what, advice = "Git cannot be read", "correct spec.git or the GitAccount"
        case _:
            return _of_system(error)
    return Problem(what, str(error), advice)


def _of_system(error: Exception) -> Problem | None:
    if isinstance(error, OSError) and error.filename is not None:
        return Problem(f"cannot use {error.filename}", error.strerror or "", "correct the path")
    # By name: the module that defines it loads the whole client.
    if type(error).__name__ != "NoCluster":
        return None
    return Problem.told_by(error)


def _of_cluster(error: ClusterError) -> Problem:
    match error.code:
        case 0:
            advice = "check that the server is up and that --context is the right one"
        case HTTPStatus.UNAUTHORIZED:
            advice = "log in again: the kubeconfig's credentials were not accepted"
        case HTTPStatus.FORBIDDEN:
            advice = "ask an administrator for this right; `kubectl auth can-i --list` shows yours"
        case HTTPStatus.NOT_FOUND:
            advice = "check the name and -n; `ebbflow install` installs what may be missing"
        case HTTPStatus.CONFLICT:
            advice = "somebody else changed it at the same time: try again"
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            advice = "the API server is busy: try again"
        case _:
            advice = "correct what it says, and try again"
    what, _, words = str(error).partition(": ")
    return Problem(what, words, advice)


def not_found(kind: str, name: str, namespace: str, how_to_list: str) -> Problem:
    """Return the problem that an object does not exist."""
    return Problem(f"there is no {kind} {name}", f"namespace {namespace}", how_to_list)
