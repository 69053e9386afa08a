"""Free loopback ports that outgoing connections do not take by chance."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from ebbflow.devcluster.trouble import DevClusterError

LOOPBACK: Final = "127.0.0.1"
LOWEST: Final = 20_000
ROOM_NEEDED: Final = 1_000
TRIES: Final = 200


def ephemeral_start(source: Path = Path("/proc/sys/net/ipv4/ip_local_port_range")) -> int:
    """Return the first port that the kernel gives to outgoing connections.

    A port above it may be taken while a restarted server is away for a second. Where the kernel
    does not tell, the value of IANA (RFC 6335, section 6) is used, which macOS follows.
    """
    with suppress(OSError, ValueError, IndexError):
        return int(source.read_text().split()[0])
    return 49_152


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Go's listeners do: connections in TIME_WAIT do not block a restart.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_listening(port: int, address: str = LOOPBACK) -> bool:
    """Tell whether something takes connections on this port."""
    try:
        with socket.create_connection((address, port), timeout=1.0):
            return True
    except OSError:
        return False


def free_ports(count: int, choose: random.Random) -> tuple[int, ...]:
    """Return `count` different free loopback ports, below the range of outgoing connections.

    Raises DevClusterError when none are found.
    """
    highest = ephemeral_start()
    if highest - LOWEST < ROOM_NEEDED:
        highest = LOWEST + 12_000
    found: list[int] = []
    for _ in range(TRIES):
        port = choose.randrange(LOWEST, highest)
        if port not in found and is_free(port):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    raise DevClusterError(
        f"No {count} free ports found",
        f"{LOOPBACK}, ports {LOWEST} to {highest}",
        "end programs that hold ports there (see `ss -ltn`), then try again",
    )
