"""Times as the Kubernetes API spells them."""

from __future__ import annotations

from datetime import UTC, datetime


def read_time(text: str) -> datetime:
    """Read a time as the Kubernetes API writes it, with or without microseconds."""
    return datetime.fromisoformat(text).astimezone(UTC)


def format_micro_time(moment: datetime) -> str:
    """Write a time as Kubernetes' MicroTime: RFC 3339, UTC, six digits of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
