"""How much a Git server may cost the operator: bytes, seconds, files on disk, threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ebbflow.adapters.unpack.scan import PackBounds

KIB: Final = 1024
MIB: Final = 1024 * KIB
PACK: Final = PackBounds(objects=500_000, object_bytes=64 * MIB, unpacked_bytes=1024 * MIB)
THREAD_PACK: Final = PackBounds(objects=2000, object_bytes=4 * MIB, unpacked_bytes=8 * MIB)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds in bytes and counts.

    fetch_bytes: what one fetch may bring, as it travels (compressed).
    listing_bytes: what a listing of branches may bring.
    blob_bytes: the largest file that is read; above a document's 512 KiB, so that the document's
        own check, with its better words, comes first.
    history: how many commits `contains` looks back.
    pack: what a pack may become. Beyond thread_pack_bytes as it travels, or thread_pack when
        unpacked, that happens in a process of its own, which may use process_memory_bytes of
        address space, process_cpu_seconds, and files of process_file_bytes.
    object_bytes: the largest object (and the largest that it is a difference to) that is ever
        inflated in the operator itself; larger ones stay in their pack.
    tree_bytes: the largest directory that is read.
    parsed_bytes: about the memory for directories of one repository that are kept parsed.
    packs, cache_bytes: when one repository's cache on disk is thrown away and begun anew.
    idle_seconds: after how long without use a repository's cache is removed.
    network_threads: operations on servers at once; one more thread reads caches.
    slow_operations: how many more may wait for servers that are slow to answer.
    """

    fetch_bytes: int = 64 * MIB
    listing_bytes: int = 16 * MIB
    blob_bytes: int = 576 * KIB
    history: int = 1000
    pack: PackBounds = PACK
    thread_pack_bytes: int = 1 * MIB
    thread_pack: PackBounds = THREAD_PACK
    process_memory_bytes: int = 384 * MIB
    process_cpu_seconds: int = 60
    process_file_bytes: int = 192 * MIB
    object_bytes: int = 8 * MIB
    tree_bytes: int = 2 * MIB
    parsed_bytes: int = 24 * MIB
    packs: int = 64
    cache_bytes: int = 256 * MIB
    idle_seconds: float = 3600
    network_threads: int = 3
    slow_operations: int = 12


SOURCE_LIMITS: Final = Limits(blob_bytes=8 * MIB, packs=8)
"""For whole commits that pods are given: larger files, and fewer commits that are kept."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds in seconds.

    operation: the whole of one operation on a server, however slowly its bytes drip.
    connect: until a connection stands.
    read: until the next bytes come.
    slow: after which an operation no longer counts among the `network_threads`.
    """

    operation: float = 60
    connect: float = 10
    read: float = 30
    slow: float = 2


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """Where connections may go.

    allowed_hosts: globs over whole host names; none allow every host. Link-local and metadata
        addresses are refused whatever is allowed.
    allow_insecure_http: also http, where everything travels in the clear.
    """

    allowed_hosts: tuple[str, ...] = ()
    allow_insecure_http: bool = False
