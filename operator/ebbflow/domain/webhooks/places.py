"""Where deliveries are sent to, and whom a path means."""

from __future__ import annotations

import re
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.gittrigger import GitTrigger

GIT_PATH: Final = "/hooks/git/"
RUN_PATH: Final = "/hooks/run/"

_LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAMESPACE: Final = re.compile(_LABEL)
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX_NAME: Final = 253


def account_path(account: Key) -> str:
    """Return the path for deliveries to an account.

    It says which account, and is no secret: it stays the same when the account is made anew. What
    keeps strangers out is the signature.
    """
    return f"{GIT_PATH}{account.namespace}.{account.name}"


def account_of(account_id: str) -> Key | None:
    """Return the account that the last part of a path means; None if it cannot mean any."""
    # No namespace has a dot in its name.
    namespace, _, name = account_id.partition(".")
    return _key(GitAccount.declaration.kind, namespace, name)


def run_path(trigger: Key) -> str:
    """Return the path for calls of a keyed trigger, without its key."""
    return f"{RUN_PATH}{trigger.namespace}/{trigger.kind}/{trigger.name}"


def trigger_of(namespace: str, kind: str, name: str) -> Key | None:
    """Return the trigger that a path means; None if it cannot mean any."""
    if kind.lower() != GitTrigger.declaration.singular:
        return None
    return _key(GitTrigger.declaration.kind, namespace, name)


def _key(kind: str, namespace: str, name: str) -> Key | None:
    fits = _NAMESPACE.fullmatch(namespace) and _NAME.fullmatch(name) and len(name) <= _MAX_NAME
    return Key(kind, namespace, name) if fits else None
