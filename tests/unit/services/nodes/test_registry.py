"""Every kind of node has what docs/contributing/adding-a-node.md asks for."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from ebbflow.api.base import JsonObject
from ebbflow.api.crd import model_schema
from ebbflow.domain.document.kinds import KINDS
from ebbflow.services import nodes
from ebbflow.services.nodes.kind import NodeKind
from ebbflow.services.nodes.registry import Ports, node_kinds
from tests.support import builders
from tests.support.run_stage import RunWorld, config_map

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "tests/support/examples/nodes"
GOLDEN = ROOT / "tests/golden/nodes"
PAGE = (ROOT / "docs/reference/nodes.md").read_text()
UNWIRED = node_kinds(Ports(*(cast(Any, None) for _ in dataclasses.fields(Ports))))
NAMES = [kind.name for kind in UNWIRED]


def file_name(kind: str) -> str:
    """Return run-template for RunTemplate, http for HTTP."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()


def classes() -> set[type]:
    """Return the kinds of all modules of the package."""
    found = set()
    for module in pkgutil.iter_modules(nodes.__path__):
        inside = importlib.import_module(f"{nodes.__name__}.{module.name}")
        found |= {
            one
            for _, one in inspect.getmembers(inside, inspect.isclass)
            if one.__module__ == inside.__name__ and NodeKind in one.__mro__[1:]
        }
    return found


def test_every_kind_that_is_written_is_registered() -> None:
    assert {type(kind) for kind in UNWIRED} == classes()


def test_names_are_those_that_documents_may_have() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert set(NAMES) <= KINDS


@pytest.mark.parametrize("kind", UNWIRED, ids=NAMES)
def test_every_field_of_a_spec_is_described(kind: NodeKind[Any]) -> None:
    assert list(undescribed(model_schema(kind.spec))) == []
    assert kind.spec.model_config["extra"] == "forbid"


def undescribed(schema: JsonObject) -> list[str]:
    found = []
    for name, field in schema.get("properties", {}).items():
        found += [] if field.get("description") else [name]
        for inner in (field, field.get("items", {}), field.get("additionalProperties", {})):
            found += [f"{name}.{one}" for one in undescribed(inner)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_has_its_section_and_its_example_on_the_page(name: str) -> None:
    _, found, section = PAGE.partition(f"\n## {name}\n")
    assert found, f"docs/reference/nodes.md has no section {name}"
    section = section.partition("\n## ")[0]
    assert f"<!-- table: {name} -->" in section
    assert f"<!-- example: nodes/{file_name(name)}.yaml -->" in section


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_has_golden_cases(name: str) -> None:
    assert list((GOLDEN / file_name(name)).glob("*.yaml"))


def test_no_example_and_no_golden_case_is_left_over() -> None:
    known = {file_name(name) for name in NAMES}
    assert {path.stem for path in EXAMPLES.iterdir()} == known
    assert {path.name for path in GOLDEN.iterdir()} == known


def test_the_kinds_are_in_the_contract_that_keeps_them_apart() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    _, _, contract = text.partition('"Kinds of nodes do not know each other"')
    (layer,) = re.findall(r'"(action \|[^"]*)"', contract)
    assert set(layer.split(" | ")) == {one.__module__.rpartition(".")[2] for one in classes()}


REPOSITORY = "https://git.example.com/acme/infra"
INGRESS = b"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: shop}\nstatus: {}\n"
VALUES = {
    "password": "hunter2",
    "token": "Bearer abcd",
    "webhook": "https://hooks.example.com/s3cr3t",
}
WAITING = {
    "Delay": "Waiting",
    "Approval": "Waiting",
} | dict.fromkeys(
    (
        *("Manifest", "DeploymentService", "CombinedService", "Job", "JobRun"),
        *("Build", "Addon", "AddonBackup"),
    ),
    "Running",
)
"""How far examples come by themselves; the others are done at once."""


API = {"app": "api"}
WORKLOADS = (
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "uid": "api"},
        "spec": {"selector": {"matchLabels": API}, "template": {"metadata": {"labels": API}}},
    },
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "api-1",
            "labels": API,
            "ownerReferences": [{"kind": "ReplicaSet", "uid": "api", "controller": True}],
        },
        "spec": {"containers": [{"name": "api"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
    },
    {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {}},
)
"""What examples act on."""


@pytest.fixture
def world() -> RunWorld:
    """A world in which the examples find what they name."""
    made = RunWorld()
    data = {key: base64.b64encode(value.encode()).decode() for key, value in VALUES.items()}
    for raw in (
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop"}, "data": data},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data"},
            "status": {"phase": "Bound"},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "reports"},
            "spec": {
                "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}
            },
        },
        *WORKLOADS,
    ):
        made.objects.put(raw)
    migrate = {
        "apiVersion": "ebbflow.dev/v1",
        "arguments": {"VERSION": "", "PASSWORD": ""},
        "spec": {
            "kind": "Workflow",
            "spec": {"steps": [config_map("schema", version="${args.VERSION}")]},
        },
    }
    made.cluster.put(builders.template("migrate").within("default").holding(migrate).build())
    made.http.answer(201, {"id": 7})
    made.git.create_repository(REPOSITORY, {"base/ingress.yaml": INGRESS})
    return made


@pytest.mark.parametrize("name", NAMES)
async def test_the_example_of_the_page_runs(world: RunWorld, name: str) -> None:
    steps = yaml.safe_load((EXAMPLES / f"{file_name(name)}.yaml").read_text())
    world.template(
        *steps,
        arguments={
            "SIZE": "5Gi",
            "VERSION": "1.8.2",
            "HOST": "example.com",
            "REPLICAS": "2",
            "BACKUP": "db-1",
        },
        git={"repository": REPOSITORY, "branch": "main", "path": "shop.yaml"},
    )
    world.synced(REPOSITORY)
    world.ask()
    await world.settle()
    assert world.phase() == WAITING.get(name, "Succeeded"), world.message()
    assert world.node("0").kind == name


async def test_the_example_of_a_manifest_runs_to_its_end(world: RunWorld) -> None:
    await test_the_example_of_the_page_runs(world, "Manifest")
    for kind, name, group, status in (
        ("Database", "shop", "example.com", {"phase": "Ready", "host": "db-1"}),
        ("Deployment", "api", "apps", {
            "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
            "conditions": [{"type": "Available", "status": "True"}],
        }),
        ("Ingress", "shop", "networking.k8s.io", {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}),
    ):  # fmt: skip
        world.objects.live(kind, name, group=group)["status"] = status
        await world.look()
    assert world.phase() == "Succeeded"
    assert world.objects.live("ConfigMap", "settings")["data"] == {"host": "db-1", "port": "5432"}
