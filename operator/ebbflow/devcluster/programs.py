"""The programs of a local cluster that are built from Go modules, and which cluster needs which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ebbflow.devcluster.options import Node

MODULES: Final = Path(__file__).parent
NEEDED: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
)
NODE_PARTS: Final = ("kubelet", "kube-proxy")


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its Go module is the directory of its `name` beside this file.

    `package` is what of the module is built, `versioned` the module that its version is taken
    from, `links` the further names that it goes by, `title` and `lasts` tell people what is built
    and for how long. `stamps` are the Go variables that get its version, or a part of it. `tags`
    choose parts of it that need a C compiler.
    """

    name: str
    package: str
    versioned: str
    links: tuple[str, ...]
    title: str
    lasts: str
    stamps: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def module(self) -> Path:
        """The directory of its go.mod."""
        return MODULES / self.name

    def version(self, go_mod: str) -> re.Match[str] | None:
        """Find its version in the text of a go.mod: the whole, major and minor are the groups."""
        required = rf"^(?:require)?\s*{re.escape(self.versioned)} (v(\d+)\.(\d+)\.\S+)"
        return re.search(required, go_mod, re.MULTILINE)


CONTROL_PLANE: Final = Program(
    "controlplane",
    ".",
    "k8s.io/kubernetes",
    (*NEEDED, *NODE_PARTS),
    "Kubernetes {version} (etcd, API server, controller manager, scheduler, kubelet, kube-proxy, "
    "kubectl)",
    "4 to 10 minutes",
    # Without versions the server reports v0.0.0-master, which nothing can parse.
    (
        ("k8s.io/component-base/version.gitVersion", "{version}"),
        ("k8s.io/component-base/version.gitMajor", "{major}"),
        ("k8s.io/component-base/version.gitMinor", "{minor}"),
        ("k8s.io/client-go/pkg/version.gitVersion", "{version}"),
    ),
)
KWOK: Final = Program(
    "kwok", "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok", (), "kwok {version}", "1 to 3 minutes"
)
COREDNS: Final = Program(
    "coredns", ".", "github.com/coredns/coredns", (), "CoreDNS {version}", "1 to 3 minutes"
)


def needs(node: Node) -> tuple[tuple[Program, tuple[str, ...]], ...]:
    """Return the programs of a cluster with this node, each with the names that must be found.

    What a node does not need is not looked for: the control plane's binaries may come from a
    package that has no kubelet.
    """
    match node:
        case Node.NONE:
            return ((CONTROL_PLANE, NEEDED),)
        case Node.KWOK:
            return ((CONTROL_PLANE, NEEDED), (KWOK, (KWOK.name,)))
        case Node.REAL:
            return ((CONTROL_PLANE, (*NEEDED, *NODE_PARTS)), (COREDNS, (COREDNS.name,)))
