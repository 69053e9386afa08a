"""What an error means for a node: it failed, or its cause can pass by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from ebbflow.domain.cel import CelError
from ebbflow.domain.expression import ExpressionError, SecretNotFound
from ebbflow.domain.objects import NotAnObject, ObjectError
from ebbflow.domain.ports import ClusterError
from ebbflow.services.nodes.kind import CannotDo, Failed, NotNow, Result, Working
from ebbflow.services.nodes.spec import spec_problem

PASSING_RETRY: Final = timedelta(seconds=2)
"""How soon to try again what the API server refused for a reason that can pass by itself."""

PASSING_MOST: Final = timedelta(seconds=30)

EXPECTED: Final = (
    ValidationError,
    ExpressionError,
    CelError,
    NotAnObject,
    CannotDo,
    NotNow,
    ClusterError,
)
"""What nodes may raise: the document, the cluster or what it works with is the cause."""


def result_of(error: Exception, where: str, since: timedelta) -> Result:
    """Return what an error of a node means for it.

    `where` is the node's field path in the document, `since` how old the attempt is: the longer it
    has waited already, the seldomer it tries.
    """
    match error:
        case SecretNotFound():
            return Failed(str(error))
        case ObjectError() if not error.passing:
            return Failed(str(error))
        case ClusterError() | NotNow():
            asked = error.after if isinstance(error, NotNow) else error.retry_after
            after = asked or min(max(PASSING_RETRY, since / 4), PASSING_MOST)
            # What was refused may have been the second of three objects.
            return Working(str(error), after=after, anew=True)
        case _:
            return Failed(_in_the_document(error, where), final=True)


def _in_the_document(error: Exception, where: str) -> str:
    """Return what is wrong with the document, and at which field."""
    match error:
        case ValidationError():
            return f"{where}.{spec_problem(error)}"
        case CelError():
            return f"{where}.spec.until: {error}"
        case NotAnObject():
            return f"{where}.spec: {error}"
        case _:
            return str(error)


def fault_of_ours(error: Exception) -> Failed:
    """Return how a node ends for which ebbflow itself failed; another attempt may be luckier."""
    return Failed(
        f"ebbflow failed at this node ({type(error).__name__}); that is a fault of ebbflow: report "
        "it with the operator's log. Other nodes and Runs are not affected"
    )
