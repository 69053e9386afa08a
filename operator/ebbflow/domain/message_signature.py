"""How receivers know that a message comes from here, unchanged and now: HMAC-SHA256 (RFC 2104)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from ebbflow.domain.secret import Tainted

SIGNATURE_HEADER: Final = "Ebbflow-Signature"
TIMESTAMP_HEADER: Final = "Ebbflow-Timestamp"


def signature(secret: Tainted, timestamp: int, body: str) -> str:
    """Return `sha256=` and the HMAC, in hexadecimal, of the time (seconds since 1970), a full stop
    and the body as it is sent. The time is in it so that an old message cannot pass for a new one.
    """
    signed = f"{timestamp}.{body}".encode()
    return f"sha256={hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()}"
