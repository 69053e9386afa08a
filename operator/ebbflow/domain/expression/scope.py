"""What an expression can see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ebbflow.domain.document.syntax import Json
from ebbflow.domain.secret import Tainted

SecretLookup = Callable[[str], Mapping[str, Tainted] | None]
"""Name of a Secret → its keys with their values; None: it is not there, or was not read yet.
The `get` of a dict is one."""


@dataclass(frozen=True, slots=True)
class RandomRequest:
    """What randomSecret asks for.

    `place` stays the same from run to run: the path of the string within the document, `#`, and
    the number of the call in it. `length` counts characters; `encoding` is base64 or hex.
    """

    place: str
    length: int
    encoding: str


RandomSecrets = Callable[[RandomRequest], Tainted]
"""Returns the value that was kept for the place, or makes and keeps one."""


@dataclass(frozen=True, slots=True)
class Loop:
    """The current turn of the innermost loop."""

    item: Json
    index: int


def _no_secrets(_name: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression can see. Nothing in it is ever changed.

    `args`: arguments, resolved; `refs`: outputs of nodes and values of triggers, by ref; values
    in both may hold Tainted anywhere. `now` is UTC. `random_secrets` None: randomSecret is not
    allowed here. `planned`: refs whose nodes were planned only, by a dry run; what their outputs lack
    may come with a real one: then NotKnownYet is raised, or where a value is rendered the whole
    text becomes `stand_in`, if there is one. `outer`: what `template.` resolves in outside of a nested document.
    """

    args: Mapping[str, Json] = field(default_factory=dict)
    refs: Mapping[str, Json] = field(default_factory=dict)
    secrets: SecretLookup = _no_secrets
    loop: Loop | None = None
    now: datetime | None = None
    random_secrets: RandomSecrets | None = None
    planned: Collection[str] = ()
    stand_in: str | None = None
    outer: Scope | None = None
