"""Which Secret signs the deliveries to an account, and what of it counts. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from ebbflow.api.base import GROUP
from ebbflow.api.gitaccount import GitAccount
from ebbflow.domain.conditions import format_time
from ebbflow.domain.edit_record import seconds
from ebbflow.domain.ports import SecretObject
from ebbflow.domain.secret import Tainted

SECRET: Final = "secret"  # noqa: S105 - the name of a key
PREVIOUS: Final = "previous"

MOST_SECRETS: Final = 2
"""What counts of an account at once: `secret` and `previous`."""

PREVIOUS_UNTIL: Final = f"{GROUP}/previous-until"
"""The annotation of a Secret of the operator's that says until when its `previous` counts."""

GRACE: Final = timedelta(hours=24)
"""How long a secret of the operator's counts after the next one was made."""

SUFFIX: Final = "-webhook"


def secret_name(account: GitAccount) -> str | None:
    """Return the name of the Secret for an account's webhooks; None if it has none.

    Each value of `rotation` has a Secret of its own: the operator makes Secrets and changes none.
    """
    webhooks = account.spec.webhooks
    if not webhooks.manage:
        return webhooks.secret_ref.name if webhooks.secret_ref else None
    name = account.metadata.name + SUFFIX
    if webhooks.rotation is None:
        return name
    return f"{name}-{hashlib.sha256(webhooks.rotation.encode()).hexdigest()[:8]}"


def secrets_of(secret: SecretObject | None, now: datetime) -> tuple[Tainted, ...]:
    """Return what counts of a Secret: `secret`, and `previous` unless its time is over."""
    if secret is None:
        return ()
    found = [secret.data.get(SECRET)]
    if _counts(secret.annotations.get(PREVIOUS_UNTIL), now):
        found.append(secret.data.get(PREVIOUS))
    # `kubectl create secret --from-file` keeps the newline that editors put at the end.
    stripped = (Tainted(value.reveal().strip("\r\n")) for value in found if value is not None)
    return tuple(value for value in stripped if value.reveal())


def until(now: datetime) -> str:
    """Return until when the secret before one that is made now counts."""
    return format_time(now + GRACE)


def _counts(until_text: str | None, now: datetime) -> bool:
    if until_text is None:
        return True
    try:
        return now.timestamp() < seconds(until_text)
    except ValueError:
        return False
