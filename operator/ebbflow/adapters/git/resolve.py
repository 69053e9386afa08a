"""From a host's name to the addresses that may be connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import Executor

from ebbflow.adapters.git.limits import HostPolicy
from ebbflow.adapters.git.transport import origin_of
from ebbflow.domain.addresses import (
    check_repository_url,
    host_of,
    is_host_allowed,
    redact,
    why_forbidden,
)
from ebbflow.domain.git import AddressNotAllowed, Unreachable

NameLookUp = Callable[[str, int], tuple[str, ...]]
"""From a host's name and a port to numeric addresses; raises OSError where there are none."""


def check_url(url: str, policy: HostPolicy) -> None:
    """Refuse an address by its text alone.

    Raises:
        AddressNotAllowed: by its scheme, its form, or its host.
    """
    check_repository_url(url, allow_insecure_http=policy.allow_insecure_http)
    host = host_of(url)
    if not is_host_allowed(host, policy.allowed_hosts):
        raise AddressNotAllowed(
            f"The operator may not connect to {host}, the host of {redact(url)}. Use a host that"
            " its --allowed-hosts allows, or add this one there."
        )


async def resolve(
    url: str, look_up: NameLookUp, executor: Executor, seconds: float
) -> tuple[str, ...]:
    """Return the numeric addresses of an address's host, all of them allowed.

    Raises:
        AddressNotAllowed: the name leads to an address where nobody may connect to.
        Unreachable: the name is not known, or nobody said so in time.
    """
    _, host, port = origin_of(url)
    try:
        return (str(ipaddress.ip_address(host)),)  # checked with the text
    except ValueError:
        pass
    # In threads of its own: a name server that hangs must not keep other operations waiting.
    asked = asyncio.get_running_loop().run_in_executor(executor, look_up, host, port)
    try:
        found = await asyncio.wait_for(asked, seconds)
    except TimeoutError as error:
        raise Unreachable(
            f"The name {host} was not resolved within {seconds:g} s. The operator tries again;"
            " check the name servers."
        ) from error
    except (OSError, UnicodeError) as error:
        words = (isinstance(error, OSError) and error.strerror) or "no such name"
        raise Unreachable(
            f"The name {host} cannot be resolved ({words}). Check the address of {redact(url)}."
        ) from error
    for address in found:
        reason = why_forbidden(address)
        if reason is not None:
            raise AddressNotAllowed(
                f"The name {host} leads to {address}, {reason}; the operator never connects there."
                f" Check the address of {redact(url)}."
            )
    return found


def look_up_name(host: str, port: int) -> tuple[str, ...]:
    """Ask the system for a name's addresses, in its order of preference; blocks."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
