"""Subdomain with the definitions of the Gateway API: its authors' own HTTPRoute, and a controller's
status.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.env.conftest import Shared
from tests.support.gateway_api.definitions import definition_file
from tests.support.kubectl import Kubectl
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

ROUTES = "httproutes.gateway.networking.k8s.io"
SECONDS = 30.0

# The first test that asks for the definitions may have to get Go for itself, to fetch them with it.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def definitions(kubectl: Kubectl) -> Iterator[None]:
    kubectl.create(yaml.safe_load(definition_file("httproutes").read_text()))

    def established(seen: JsonObject) -> bool:
        # In the file it stands as null.
        conditions = seen.get("status", {}).get("conditions") or []
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    kind = "CustomResourceDefinition"
    kubectl.wait_for(kind, ROUTES, "", established, what="to be served", timeout=SECONDS)
    yield
    kubectl.delete("CustomResourceDefinition", ROUTES)


@dataclass(frozen=True)
class World:
    """A namespace with an account that may make routes in it."""

    kubectl: Kubectl
    namespace: str
    account: str

    def start(self, name: str, timeout: str = "1m", **fields: Any) -> Source:
        """Start a Run, by the name of `name`, of a Subdomain that has it as its object's name."""
        gateway = {"name": "public", "namespace": "gateways"}
        spec = {"name": name, "domain": "shop.example.com", "gateway": gateway, **fields}
        node = {"kind": "Subdomain", "ref": "shop", "timeout": timeout, "spec": spec}
        after = config_map(name, host="${refs.shop.httproute.spec.hostnames.0}")
        document = steps_document(node, after)
        account = {"serviceAccountName": self.account}
        made = source(self.kubectl, self.namespace, name, document, **account)
        made.start(name)
        return made

    def route(self, name: str) -> JsonObject | None:
        path = f"{self._path}/{name}"
        status, _ = self.kubectl.api.raw("GET", path)
        return self.kubectl.api.call("GET", path) if status == 200 else None

    def answer(self, name: str, **states: tuple[str, str, str]) -> None:
        """Write how the gateway took a route, as its controller does: status, reason and message."""
        route = eventually(lambda: self.route(name), SECONDS, "the route")
        assert route is not None
        now = route["metadata"]["creationTimestamp"]
        generation = route["metadata"]["generation"]
        conditions = [
            {
                "type": type_,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": now,
                "observedGeneration": generation,
            }
            for type_, (status, reason, message) in states.items()
        ]
        parent = {
            "parentRef": route["spec"]["parentRefs"][0],
            "controllerName": "example.com/gateways",
            "conditions": conditions,
        }
        self.kubectl.api.call(
            "PATCH",
            f"{self._path}/{name}/status",
            {"status": {"parents": [parent]}},
            content_type="application/merge-patch+json",
        )

    def until_said(self, run: Source, words: str) -> None:
        def said() -> bool:
            nodes = run.run(run.name).get("status", {}).get("nodes", [])
            return any(words in (one.get("message") or "") for one in nodes)

        eventually(said, SECONDS, f"the node to say {words!r}")

    @property
    def _path(self) -> str:
        return f"/apis/gateway.networking.k8s.io/v1/namespaces/{self.namespace}/httproutes"


TAKEN = {
    "Accepted": ("True", "Accepted", "the route was taken"),
    "ResolvedRefs": ("True", "ResolvedRefs", "all references are resolved"),
}


@pytest.fixture(scope="module")
def world(definitions: None, kubectl: Kubectl, shared: Shared) -> World:
    del definitions
    return World(kubectl, shared.namespace, deployer(kubectl, shared.namespace))


def test_a_route_is_waited_for_until_its_gateway_has_taken_it(world: World) -> None:
    service = {"name": "web", "port": 8080}
    modes = [
        {"uri": f"/{mode}", "mode": mode, "service": service}
        for mode in ("prefix", "exact", "regex")
    ]
    run = world.start("taken", subdomain="*", paths=modes)
    world.until_said(run, "gateway gateways/public has not looked at it yet")
    world.answer("taken", **TAKEN)
    run.wait_end("taken")
    seen = world.kubectl.get("ConfigMap", "taken", world.namespace)
    assert seen["data"] == {"host": "*.shop.example.com"}


def test_a_route_that_is_refused_is_waited_for_and_the_node_says_why(world: World) -> None:
    words = "no listener of the gateway has this host name"
    run = world.start("refused", service={"name": "web"})
    world.answer("refused", Accepted=("False", "NoMatchingListenerHostname", words))
    world.until_said(run, f"gateway gateways/public: {words}")
    world.answer("refused", **TAKEN)
    run.wait_end("refused")


def test_a_route_that_stays_refused_fails_with_why(world: World) -> None:
    words = "service web not found"
    run = world.start("stays", timeout="6s", service={"name": "web"})
    missing = {"ResolvedRefs": ("False", "BackendNotFound", words)}
    world.answer("stays", **(TAKEN | missing))
    message = run.wait_end("stays", "Failed")["status"]["message"]
    assert "it took longer than 6s" in message
    assert f"gateway gateways/public: {words}" in message


def test_what_a_gateway_said_of_a_route_before_a_change_does_not_count(world: World) -> None:
    first = world.start("changed", service={"name": "web"})
    world.answer("changed", **TAKEN)
    first.wait_end("changed")
    document = first.kubectl.get("Template", "changed", world.namespace)["spec"]["document"]
    document["spec"]["spec"]["steps"][0]["spec"]["service"] = {"name": "web", "port": 8081}
    world.kubectl.patch("Template", "changed", world.namespace, {"spec": {"document": document}})
    first.start("changed-again")
    again = Source(world.kubectl, world.namespace, "changed-again")
    world.until_said(again, "gateway gateways/public has not looked at its last change yet")
    world.answer("changed", **TAKEN)
    again.wait_end("changed-again")
