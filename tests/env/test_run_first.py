"""A Run does what the document says, in the tenant's name."""

from __future__ import annotations

import pytest

from ebbflow.devcluster.gitserver import DEFAULT_AUTHOR
from tests.env.conftest import Shared
from tests.support.kubectl import condition_of
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.synced import Synced, link
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


def made(shared: Shared, robot: str, name: str, *steps: object, **fields: object) -> Source:
    arguments = fields.pop("arguments", {})
    document = steps_document(*steps, arguments=arguments)  # type: ignore[arg-type] # plain JSON
    return source(
        shared.kubectl, shared.namespace, name, document, serviceAccountName=robot, **fields
    )


def test_a_run_made_by_hand_makes_what_the_document_says(shared: Shared, robot: str) -> None:
    shop = made(
        shared,
        robot,
        "first",
        config_map("first-a", colour="${args.COLOUR}"),
        config_map("first-b", uid="${refs.first-a.metadata.uid}"),
        arguments={"COLOUR": "red"},
    )
    run = shop.wait_end(shop.start("first-run", arguments={"COLOUR": "blue"}))
    a = shared.kubectl.get("ConfigMap", "first-a", shared.namespace)
    b = shared.kubectl.get("ConfigMap", "first-b", shared.namespace)
    assert a["data"] == {"colour": "blue"}
    assert b["data"] == {"uid": a["metadata"]["uid"]}
    assert [n["phase"] for n in run["status"]["nodes"]] == ["Succeeded", "Succeeded"]
    for type_ in ("Ready", "Succeeded"):
        found = condition_of(run, type_)
        assert found is not None
        assert found["status"] == "True"


def test_what_the_account_may_not_do_is_said_with_the_command_that_helps(
    shared: Shared,
) -> None:
    nobody = deployer(shared.kubectl, shared.namespace, "powerless", resources=["pods"])
    shop = source(
        shared.kubectl,
        shared.namespace,
        "denied",
        steps_document(config_map("denied-a", v="1")),
        serviceAccountName=nobody,
    )
    run = shop.wait_end(shop.start("denied-run"), "Failed")
    assert "powerless" in run["status"]["message"]
    assert "kubectl create" in run["status"]["message"]


def test_a_push_starts_one_run_of_the_new_document(shared: Shared, robot: str) -> None:
    text = (
        b'apiVersion: ebbflow.dev/v1\narguments: {V: "1"}\nspec:\n  kind: Workflow\n  spec:\n'
        b"    type: sequential\n    steps:\n    - kind: Manifest\n      spec:\n        manifest:\n"
        b"          apiVersion: v1\n          kind: ConfigMap\n          metadata: {name: pushed}\n"
        b"          data: {v: '${args.V}'}\n"
    )
    shop: Synced = link(shared, "pushed", text, runOnUpdate=True, serviceAccountName=robot)
    runs = Source(shared.kubectl, shared.namespace, "pushed")
    assert runs.runs() == []
    commit = shop.push(text.replace(b'"1"', b'"2"'))
    eventually(lambda: len(runs.runs()) == 1, 20, "a Run to be started")
    run = runs.wait_end(runs.runs()[0]["metadata"]["name"])
    assert shared.kubectl.get("ConfigMap", "pushed", shared.namespace)["data"] == {"v": "2"}
    assert run["status"]["commit"] == commit
    assert run["status"]["trigger"]["type"] == "Update"
    assert run["status"]["trigger"]["commit"] == commit
    assert run["status"]["trigger"]["actor"] == DEFAULT_AUTHOR
    shop.world.git.commit("pushed", {"README.md": b"unrelated"}, "Unrelated")
    shop.look_now()
    assert len(runs.runs()) == 1
