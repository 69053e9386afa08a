"""What the Run of an update costs the API server, to the request."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.env.conftest import Shared
from tests.support.audit import AuditLog
from tests.support.installation import OPERATOR_USER
from tests.support.ran import Source, deployer
from tests.support.synced import Synced, link
from tests.support.waiting import eventually

TEXT = (
    b'apiVersion: ebbflow.dev/v1\narguments: {V: "1"}\nspec:\n  kind: Workflow\n  spec:\n'
    b"    type: parallel\n    steps:\n    - kind: Manifest\n      spec:\n        manifest:\n"
    b"          apiVersion: v1\n          kind: ConfigMap\n          metadata: {name: counted}\n"
    b"          data: {v: '${args.V}'}\n"
)
COST = Counter(
    {
        ("get", "templates"): 1,
        ("patch", "templates"): 1,  # the document
        ("create", "runs"): 1,
        ("patch", "templates/status"): 2,  # the sync with the Run under way, the Run ended
        ("create", "controllerrevisions"): 1,
        ("patch", "runs/status"): 2,  # begun, ended
        ("patch", "configmaps"): 1,
    }
)


@pytest.fixture
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace, "counted")


def run_of_an_update(shop: Synced, value: bytes) -> None:
    """Push another value, and wait until its Run has ended and the operator is done with it."""
    runs = Source(shop.world.kubectl, shop.world.namespace, shop.name)
    before = {run["metadata"]["name"] for run in runs.runs()}
    shop.push(TEXT.replace(b'"1"', value))

    def new() -> list[str]:
        return [n for run in runs.runs() if (n := run["metadata"]["name"]) not in before]

    eventually(lambda: len(new()) == 1, 20, "a Run to be started")
    (name,) = new()
    runs.wait_end(name)
    eventually(lambda: shop.get()["status"].get("lastRun", {}).get("name") == name, 20, "the end")


def test_the_run_of_an_update_reads_nothing_and_writes_what_it_must(
    shared: Shared, robot: str, audit: AuditLog
) -> None:
    shop = link(shared, "counted", TEXT, runOnUpdate=True, serviceAccountName=robot)
    run_of_an_update(shop, b'"2"')  # the first one also makes the inventory
    mark = audit.mark()
    run_of_an_update(shop, b'"3"')
    asked = audit.since(mark).where(user=OPERATOR_USER, namespace=shared.namespace)
    counts = asked.without_leases().counts()
    counts.pop(("get", "secrets"), None)  # shared by passes that come together
    assert counts == COST, asked.text()
