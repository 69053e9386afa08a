"""What a real node needs of the machine, looked at before anything is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from ebbflow.devcluster.trouble import ToolchainMissing

CNI_PLUGINS: Final = Path("/usr/lib/cni")
# Programs, and the Debian packages that they come in.
PACKAGES: Final = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "busybox": "busybox-static",
    "iptables": "iptables",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
PLUGINS: Final = ("bridge", "host-local", "loopback", "portmap")


def missing_packages() -> list[str]:
    """Return the Debian packages that a real node needs and that are not installed."""
    wanted = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if any(not (CNI_PLUGINS / plugin).exists() for plugin in PLUGINS):
        wanted.append("containernetworking-plugins")
    return list(dict.fromkeys(wanted))


def check() -> None:
    """Raise ToolchainMissing, with what to do, if this machine cannot run a real node."""
    if sys.platform != "linux":
        raise _refusal("it needs Linux", "use `--node kwok`, or a Linux machine")
    if os.geteuid() != 0:
        raise _refusal("it needs root", "use `--node kwok`, or run this as root")
    missing = missing_packages()
    if missing:
        command = "apt-get install -y --no-install-recommends " + " ".join(missing)
        raise _refusal(
            f"these packages are missing: {', '.join(missing)}", f"install them: `{command}`"
        )
    # The namespaces that the node gets, and whether this root may mount at all.
    probe = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode != 0:
        raise _refusal(
            f"no namespaces can be made: {probe.stderr.strip()}",
            "use `--node kwok`, or a machine where root has all capabilities",
        )


def _refusal(reason: str, remedy: str) -> ToolchainMissing:
    return ToolchainMissing(f"A real node cannot run here: {reason}", "this machine", remedy)
