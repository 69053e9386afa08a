"""Finished Runs go, and their documents with them: on a control plane whose garbage collector runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.env.conftest import Shared
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.waiting import eventually

GARBAGE_SECONDS = 40.0


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


def made(shared: Shared, robot: str, name: str, *steps: Any, **fields: Any) -> Source:
    document = steps_document(*steps, **fields.pop("document", {}))
    return source(
        shared.kubectl, shared.namespace, name, document, serviceAccountName=robot, **fields
    )


def rewrite(shop: Source, *steps: Any) -> None:
    change = {"spec": {"document": steps_document(*steps)}}
    shop.kubectl.patch("Template", shop.name, shop.namespace, change)


def names(shop: Source) -> list[str]:
    return [run["metadata"]["name"] for run in shop.runs()]


def test_finished_runs_go_and_their_documents_with_them(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "old", config_map("old-a", v="0"), history={"succeeded": 2})
    kept = []
    for number in range(4):
        rewrite(shop, config_map("old-a", v=str(number)))
        run = shop.wait_end(shop.start(f"old-{number}"))
        kept.append(run["status"]["documentRef"]["name"])
        eventually(lambda: len(names(shop)) <= 2, 20, "surplus Runs to be gone")
    assert sorted(names(shop)) == ["old-2", "old-3"]

    def there() -> set[str]:
        found = shared.kubectl.list_all("ControllerRevision", shared.namespace)
        return {one["metadata"]["name"] for one in found} & set(kept)

    eventually(
        lambda: there() == set(kept[2:]), GARBAGE_SECONDS, "documents of gone Runs to be gone"
    )


def test_a_retry_goes_on_from_the_node_that_failed(shared: Shared, robot: str) -> None:
    weak = deployer(shared.kubectl, shared.namespace, "weak", resources=["configmaps"])
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "re-b"}}
    last = {"stringData": {"uid": "${refs.re-a.metadata.uid}"}, **secret}
    steps = (config_map("re-a", v="1"), {"kind": "Manifest", "spec": {"manifest": last}})
    shop = made(shared, weak, "again", *steps)
    failed = shop.wait_end(shop.start("again-1"), "Failed")
    assert [node["phase"] for node in failed["status"]["nodes"]] == ["Succeeded", "Failed"]
    before = shared.kubectl.get("ConfigMap", "re-a", shared.namespace)["metadata"]
    deployer(shared.kubectl, shared.namespace, "weak")
    run = shop.wait_end(shop.start("again-2", retryOf="again-1"))
    nodes = run["status"]["nodes"]
    assert [node["phase"] for node in nodes] == ["Succeeded", "Succeeded"]
    assert nodes[0]["startedAt"] == failed["status"]["nodes"][0]["startedAt"]
    assert shared.kubectl.get("ConfigMap", "re-a", shared.namespace)["metadata"] == before


def test_a_rollback_runs_the_document_of_an_earlier_run(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "back", config_map("back-a", v="old"))
    first = shop.wait_end(shop.start("back-1"))
    rewrite(shop, config_map("back-a", v="new"))
    shop.wait_end(shop.start("back-2"))
    run = shop.wait_end(shop.start("back-3", rollbackTo="back-1"))
    assert run["status"]["documentRef"] == first["status"]["documentRef"]
    found = shared.kubectl.get("ConfigMap", "back-a", shared.namespace)
    assert found["data"] == {"v": "old"}


def test_the_creation_starts_one_run_with_its_arguments(shared: Shared, robot: str) -> None:
    options = {"runOnCreation": True, "runOnCreationArgumentOverrides": {"V": "2"}}
    document = {"options": options, "arguments": {"V": "1"}}
    shop = made(shared, robot, "new", config_map("new-a", v="${args.V}"), document=document)
    eventually(lambda: len(names(shop)) == 1, 20, "a Run to be started")
    run = shop.wait_end(names(shop)[0])
    assert run["status"]["trigger"]["type"] == "Creation"
    assert shared.kubectl.get("ConfigMap", "new-a", shared.namespace)["data"] == {"v": "2"}


def test_runs_of_a_suspended_template_wait_until_it_goes_on(shared: Shared, robot: str) -> None:
    shop = made(shared, robot, "still", config_map("still-a", v="1"), suspend=True)
    run = shop.wait_phase(shop.start("still-1"), "Queued")
    assert "spec.suspend" in run["status"]["message"]
    shared.kubectl.patch("Template", "still", shared.namespace, {"spec": {"suspend": False}})
    shop.wait_end("still-1")
