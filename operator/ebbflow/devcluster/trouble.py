"""The one error of the local control plane: three lines for a person."""

from __future__ import annotations

from typing_extensions import override


class DevClusterError(Exception):
    """Something about the local control plane failed; `str` says what, where and what to do."""

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    @override
    def __str__(self) -> str:
        return f"{self.what}\n  where: {self.where}\n  what to do: {self.remedy}"


class ToolchainMissing(DevClusterError):
    """There are no binaries, and neither Go nor pip to build them with."""


class ClusterFailed(DevClusterError):
    """A part of the control plane ended, or did not get ready in time."""


class NoSuchCluster(DevClusterError):
    """No cluster of this name is kept here."""
