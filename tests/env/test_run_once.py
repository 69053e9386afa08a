"""runNodeOnce on the real API server: kept in the inventory, read by another operator process."""

from __future__ import annotations

from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.ran import config_map, deployer, source, steps_document


def test_a_node_that_was_done_is_skipped_by_the_next_operator_too(
    kubectl: Kubectl, namespace: str, operator: OperatorProcess
) -> None:
    seed = {**config_map("seed", by="${args.BY}"), "runNodeOnce": True}
    shop = source(
        kubectl,
        namespace,
        "once",
        steps_document(seed, arguments={"BY": "first"}),
        serviceAccountName=deployer(kubectl, namespace),
    )
    shop.wait_end(shop.start("once-first"))
    operator.kill()
    operator.start()
    run = shop.wait_end(shop.start("once-second", arguments={"BY": "second"}))
    (node,) = run["status"]["nodes"]
    assert (node["phase"], node["message"]) == (
        "Skipped",
        "runNodeOnce is true, and the Run once-first did it",
    )
    assert kubectl.get("ConfigMap", "seed", namespace)["data"] == {"by": "first"}
