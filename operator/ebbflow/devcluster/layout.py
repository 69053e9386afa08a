"""Where the files of one cluster lie in its state directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one state directory; nothing here touches the disk but `make`."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def kubectl(self) -> Path:
        """A link to kubectl."""
        return self.root / "kubectl"

    @property
    def record(self) -> Path:
        """What is to be remembered of the cluster: its name and ports."""
        return self.root / "cluster.json"

    @property
    def audit_log(self) -> Path:
        """One JSON object a line for every stage of every request."""
        return self.root / "audit.log"

    @property
    def audit_policy(self) -> Path:
        """The policy that says what the audit log holds."""
        return self.root / "audit-policy.yaml"

    @property
    def certificates(self) -> Path:
        """Keys and certificates."""
        return self.root / "certificates"

    @property
    def node(self) -> Path:
        """What the node needs and keeps."""
        return self.root / "node"

    @property
    def data(self) -> Path:
        """The data directory of etcd."""
        return self.root / "etcd"

    @property
    def kubectl_cache(self) -> Path:
        """What kubectl remembers; a shared one would mix clusters that had the same port."""
        return self.root / "kubectl-cache"

    @property
    def service_accounts(self) -> Path:
        """Kubeconfigs of ServiceAccounts."""
        return self.root / "service-accounts"

    def log(self, part: str) -> Path:
        """The output of one part."""
        return self.root / "logs" / f"{part}.log"

    def pid_file(self, part: str) -> Path:
        """The pid file of one part."""
        return self.root / "pids" / f"{part}.json"

    def make(self) -> None:
        """Make the directories, readable by their owner alone."""
        for directory in (
            self.root,
            self.root / "logs",
            self.root / "pids",
            self.certificates,
            self.data,
            self.node,
            self.service_accounts,
        ):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_bytes(content)
    draft.replace(file)
