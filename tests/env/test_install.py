"""`ebbflow install`: what is printed, what is applied, and what the wheel holds of it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.installation import ACCOUNT, DEPLOY
from tests.support.kubectl import Kubectl

ROOT = Path(__file__).parents[2]
DEPLOYMENT = f"/apis/apps/v1/namespaces/{ACCOUNT.namespace}/deployments/{ACCOUNT.name}"
FILES = {"": "ebbflow.yaml", "--crds-only": "crds.yaml", "--rbac-only": "rbac.yaml"}


def run(
    *arguments: str, kubeconfig: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the program as a person would who has this kubeconfig, or none."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KUBE")}
    environment |= {"HOME": "/nonexistent", **variables}
    if kubeconfig is not None:
        environment["KUBECONFIG"] = str(kubeconfig)
    return subprocess.run(
        [sys.executable, "-m", "ebbflow", *arguments],
        env=environment,
        cwd=variables.get("CWD"),
        capture_output=True,
        check=False,
        timeout=60,
    )


def titles(file: str) -> list[str]:
    """What the manifests of a file are called where they are applied."""
    documents = yaml.safe_load_all((DEPLOY / file).read_text())
    return [f"{d['kind']}/{d['metadata']['name']}" for d in documents if d]


@pytest.fixture
def installed(cluster: ControlPlane, kubectl: Kubectl) -> Iterator[ControlPlane]:
    """The cluster with all of it; the Deployment goes again, for its pods would only wait."""
    done = run("install", kubeconfig=cluster.kubeconfig)
    assert done.returncode == 0, done.stderr.decode()
    yield cluster
    kubectl.api.raw("DELETE", DEPLOYMENT)


@pytest.mark.parametrize(("flag", "file"), FILES.items(), ids=["all", "crds", "rbac"])
def test_export_prints_the_manifests_byte_for_byte_and_needs_no_cluster(
    flag: str, file: str
) -> None:
    done = run("install", "--export", *([flag] if flag else []))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (DEPLOY / file).read_bytes()


def test_everything_is_installed_and_said(cluster: ControlPlane, kubectl: Kubectl) -> None:
    kubectl.api.raw("DELETE", DEPLOYMENT)
    done = run("install", kubeconfig=cluster.kubeconfig)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [f"{t} applied" for t in titles("ebbflow.yaml")]
    for title in titles("ebbflow.yaml"):
        assert kubectl.run("get", title, f"--namespace={ACCOUNT.namespace}", "-o", "name")
    kubectl.api.raw("DELETE", DEPLOYMENT)


@pytest.mark.parametrize("flag", ["--crds-only", "--rbac-only"])
def test_a_part_is_installed_alone(cluster: ControlPlane, flag: str) -> None:
    done = run("install", flag, kubeconfig=cluster.kubeconfig)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [f"{t} applied" for t in titles(FILES[flag])]


def test_the_parts_exclude_each_other() -> None:
    done = run("install", "--crds-only", "--rbac-only", "--export")
    assert done.returncode == 2
    assert b"--crds-only and --rbac-only exclude each other" in done.stderr


def test_twice_in_a_row_changes_nothing(installed: ControlPlane, kubectl: Kubectl) -> None:
    before = kubectl.api.call("GET", DEPLOYMENT)["metadata"]
    assert run("install", kubeconfig=installed.kubeconfig).returncode == 0
    after = kubectl.api.call("GET", DEPLOYMENT)["metadata"]
    assert (after["uid"], after["generation"]) == (before["uid"], before["generation"])


def test_an_older_installation_is_brought_up_to_date(
    installed: ControlPlane, kubectl: Kubectl
) -> None:
    wanted = kubectl.api.call("GET", DEPLOYMENT)["spec"]["template"]["spec"]
    older = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "old"}]
    kubectl.api.call(
        "PATCH",
        DEPLOYMENT,
        older,
        content_type="application/json-patch+json",
        query={"fieldManager": "helm"},
    )
    rules = kubectl.get("ClusterRole", "ebbflow-operator")["rules"]
    kubectl.patch("ClusterRole", "ebbflow-operator", "", {"rules": []})

    assert run("install", kubeconfig=installed.kubeconfig).returncode == 0
    assert kubectl.api.call("GET", DEPLOYMENT)["spec"]["template"]["spec"] == wanted
    assert kubectl.get("ClusterRole", "ebbflow-operator")["rules"] == rules


def test_a_user_without_the_right_is_told_what_is_missing_in_three_lines(
    cluster: ControlPlane,
) -> None:
    cluster.wait_for_service_account("default")
    nobody = cluster.service_account_kubeconfig("default", "default")
    done = run("install", kubeconfig=nobody)
    assert (done.returncode, done.stdout) == (1, b"")
    what, where, todo = done.stderr.decode().splitlines()
    assert what == "ebbflow: the API server refused Namespace/ebbflow-system"
    assert 'cannot patch resource "namespaces"' in where
    assert "installing needs a cluster administrator" in todo


def test_without_a_cluster_three_lines_say_how_to_get_one() -> None:
    done = run("install")
    assert done.returncode == 1
    what, _, todo = done.stderr.decode().splitlines()
    assert (what, todo) == (
        "ebbflow: no cluster",
        "  set KUBECONFIG, or start a cluster with `ebbflow up`",
    )


def test_a_server_that_is_away_is_named(cluster: ControlPlane, tmp_path: Path) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    away = tmp_path / "kubeconfig"
    away.write_text(yaml.safe_dump(config))
    done = run("install", kubeconfig=away)
    assert done.returncode == 1
    what, where, _ = done.stderr.decode().splitlines()
    assert (what, where.strip()) == (
        "ebbflow: the API server does not answer",
        "https://127.0.0.1:1",
    )


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", f"--wheel-dir={directory}", str(ROOT))
    (built,) = directory.glob("*.whl")
    return built


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    command += [arguments[0], "--no-index", "--no-deps", *arguments[1:]]
    subprocess.run(command, check=True, timeout=110)


def test_the_wheel_holds_what_the_program_needs_at_run_time(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        shipped = archive.read("ebbflow/deploy/ebbflow.yaml")
    go = {f"ebbflow/devcluster/controlplane/{name}" for name in ("go.mod", "go.sum", "main.go")}
    assert go | {"ebbflow/py.typed", "ebbflow/deploy/crds.yaml"} <= names
    assert "ebbflow/deploy/rbac.yaml" in names
    assert shipped == (DEPLOY / "ebbflow.yaml").read_bytes()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"ebbflow"}


def test_install_works_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    pip("install", f"--target={tmp_path / 'site'}", str(wheel))
    inside: Mapping[str, str] = {"PYTHONPATH": str(tmp_path / "site"), "CWD": str(tmp_path)}
    where = subprocess.run(
        [sys.executable, "-c", "import ebbflow; print(ebbflow.__file__)"],
        env=os.environ | inside,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert where.stdout.startswith(str(tmp_path / "site"))
    done = run("install", "--export", **inside)
    assert done.stdout == (DEPLOY / "ebbflow.yaml").read_bytes()


def test_credentials_that_are_refused_are_told_apart_from_a_server_that_is_away(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "too-old"}
    stranger = tmp_path / "config"
    stranger.write_text(yaml.safe_dump(config))
    done = run("install", "--crds-only", kubeconfig=stranger)
    assert done.returncode == 1
    what, where, advice = done.stderr.decode().splitlines()
    assert "refused" in what
    assert where.strip() == "Unauthorized"
    assert "credentials" in advice
