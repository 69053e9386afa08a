"""Every setting of the operator, as one frozen value; flags and environment variables fill it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of the namespaces this operator serves: those with hash(name) % count == index."""

    index: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What `ebbflow operator` was told; the field names are the flags' names."""

    identity: str
    cache_dir: Path
    poll_interval: timedelta = timedelta(minutes=1)
    commit_window: timedelta = timedelta(seconds=2)
    namespaces: tuple[str, ...] = ()
    default_service_account: str = "default"
    allow_insecure_http: bool = False
    allowed_hosts: tuple[str, ...] = ()
    metrics_address: Address = field(default=Address("127.0.0.1", 0))
    health_address: Address = field(default=Address("127.0.0.1", 0))
    webhook_address: Address | None = None
    webhook_url: str | None = None
    admission_address: Address | None = None
    lease_duration: timedelta = timedelta(seconds=15)
    shard: Shard = field(default=Shard())
    workers: int = 16
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
