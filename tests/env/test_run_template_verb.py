"""RunTemplate needs the verb `run`, which the API server is asked about in the tenant's name."""

from __future__ import annotations

import re
import shlex

from tests.env.conftest import Shared
from tests.support.ran import config_map, deployer, source, steps_document

CALL = {"kind": "RunTemplate", "spec": {"source": {"name": "verb-inner"}}}


def commands(message: str) -> list[list[str]]:
    """The kubectl commands that a message tells an admin to run."""
    found = re.search(r"(kubectl create role .*)$", message)
    assert found is not None, message
    return [shlex.split(command) for command in found[1].split(" && ")]


def test_a_run_is_started_only_for_an_account_that_may(shared: Shared) -> None:
    namespace, kubectl = shared.namespace, shared.kubectl
    maker = deployer(kubectl, namespace, "verb-maker", resources=["configmaps"])
    weak = deployer(kubectl, namespace, "verb-weak", resources=["configmaps"])
    inner = source(
        kubectl,
        namespace,
        "verb-inner",
        steps_document(config_map("verb-made", v="1")),
        serviceAccountName=maker,
    )
    outer = source(kubectl, namespace, "verb-outer", steps_document(CALL), serviceAccountName=weak)
    run = outer.wait_end(outer.start("verb-denied"), "Failed")
    message = run["status"]["nodes"][0]["message"]
    assert (
        f"{namespace}/verb-weak lacks the verb run on templates.ebbflow.dev verb-inner" in message
    )
    assert inner.runs() == []
    for command in commands(message):
        kubectl.run(*command[1:])
    outer.wait_end(outer.start("verb-allowed"))
    assert kubectl.get("ConfigMap", "verb-made", namespace)["data"] == {"v": "1"}
