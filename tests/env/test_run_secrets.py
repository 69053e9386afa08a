"""Secrets reach what runs make, and nothing else: canaries are searched for wherever people look."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.env.conftest import Shared
from tests.support.audit import AuditLog
from tests.support.builders import secret
from tests.support.canary import Canary, CanarySearch
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.synced import link
from tests.support.waiting import eventually

JsonObject = dict[str, Any]
DB = "db"
DELAY = {"kind": "Delay", "spec": {"duration": "6s"}}


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


@pytest.fixture
def password(shared: Shared, canary_search: CanarySearch) -> Iterator[Canary]:
    """The password in the Secret `db` of the namespace, which must be nowhere else."""
    made = Canary.generate()
    keep(shared.kubectl, shared.namespace, made)
    canary_search.add(made)
    yield made
    shared.look_everywhere(canary_search)


def keep(kubectl: Kubectl, namespace: str, canary: Canary, name: str = DB) -> None:
    kubectl.apply(secret(name).within(namespace).with_values(password=canary.value).build())


def made(world: Any, robot: str, name: str, *steps: Any, **fields: Any) -> Source:
    document = steps_document(*steps, **fields.pop("document", {}))
    return source(
        world.kubectl, world.namespace, name, document, serviceAccountName=robot, **fields
    )


def secret_node(name: str, **values: str) -> JsonObject:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values,
    }
    return {"kind": "Manifest", "ref": name, "spec": {"manifest": manifest}}


def values(kubectl: Kubectl, namespace: str, name: str) -> dict[str, str]:
    data = kubectl.get("Secret", name, namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def key_of(name: str) -> JsonObject:
    return {"secretKeyRef": {"name": name, "key": "password"}}


def test_every_way_to_name_a_secret_brings_its_value_to_the_object(
    shared: Shared, robot: str, password: Canary
) -> None:
    node = secret_node(
        "sec-copy",
        direct="${secrets.db.values.password}",
        inside="user:${secrets.db.values.password}@host",
        override="${args.OVERRIDE}",
        given="${args.GIVEN}",
        chosen="${args.CHOSEN}",
        fetched="${fn.get(fn.fetchSecret(args.NAME), 'values.password')}",
        coded="${fn.fromBase64(fn.toBase64(secrets.db.values.password))}",
    )
    shop = made(
        shared,
        robot,
        "ways",
        node,
        document={
            "arguments": {
                "OVERRIDE": "",
                "GIVEN": "",
                "NAME": DB,
                "CHOSEN": "${fn.get(fn.fetchSecret(args.NAME), 'values.password')}",
            }
        },
        argumentOverrides=[{"name": "OVERRIDE", "valueFrom": key_of(DB)}],
    )
    given = [{"name": "GIVEN", "valueFrom": key_of(DB)}]
    shop.wait_end(shop.start("ways-1", argumentsFrom=given))
    found = values(shared.kubectl, shared.namespace, "sec-copy")
    assert found.pop("inside") == f"user:{password.value}@host"
    assert set(found.values()) == {password.value}
    assert len(found) == 6


def test_a_variable_names_the_secret_and_the_operator_never_reads_it(
    shared: Shared, robot: str, canary_search: CanarySearch, audit: AuditLog
) -> None:
    unread = Canary.generate()
    keep(shared.kubectl, shared.namespace, unread, "unread")
    canary_search.add(unread)
    variable = {"name": "PASSWORD", "value": "${{secrets.unread.values.password}}"}
    pod = {"containers": [{"name": "main", "image": "scratch", "env": [variable]}]}
    labels = {"app": "sec-app"}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "sec-app"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    node = {"kind": "Manifest", "spec": {"manifest": manifest, "wait": False}}
    start = audit.mark()
    shop = made(shared, robot, "variable", node)
    shop.wait_end(shop.start("variable-1"))
    path = f"/apis/apps/v1/namespaces/{shared.namespace}/deployments/sec-app"
    text = shared.kubectl.api.get(path)
    canary_search.look_at("the Deployment", text)
    [container] = json.loads(text)["spec"]["template"]["spec"]["containers"]
    reference = {"name": "unread", "key": "password"}
    assert container["env"] == [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": reference}}]
    reads = [one for one in audit.since(start) if one.name == "unread" and one.verb == "get"]
    assert reads == []


def test_an_error_about_a_value_does_not_show_it(
    shared: Shared, robot: str, password: Canary
) -> None:
    bad = config_map("sec-bad", v="1")
    bad["spec"]["manifest"]["metadata"]["labels"] = {"v": "${secrets.db.values.password}"}
    shop = made(shared, robot, "shown", bad)
    run = shop.wait_end(shop.start("shown-1"), "Failed")
    assert "metadata.labels" in run["status"]["message"]
    assert not password.is_in(json.dumps(run).encode())


def test_a_plan_hides_values_that_are_put_into_plain_objects(
    shared: Shared, robot: str, password: Canary
) -> None:
    node = config_map("sec-plain", v="${secrets.db.values.password}", w="plain")
    shop = made(
        shared,
        robot,
        "hidden",
        node,
        secret_node("sec-h", v="${args.KEY}"),
        document={"arguments": {"KEY": "sensitive-by-name"}, "sensitiveArguments": ["KEY"]},
    )
    run = shop.wait_end(shop.start("hidden-dry", dryRun=True))
    seen = {
        field["path"]: field.get("to")
        for change in run["status"]["plan"]
        for field in change["fields"]
    }
    assert seen["data.v"] == "(secret)"
    assert seen["data.w"] == "plain"
    assert "sensitive-by-name" not in json.dumps(run["status"])


def test_who_may_not_read_a_secret_is_told_what_is_missing(
    shared: Shared, password: Canary, audit: AuditLog
) -> None:
    weak = deployer(shared.kubectl, shared.namespace, "no-reader", resources=["configmaps"])
    start = audit.mark()
    shop = made(shared, weak, "unreadable", config_map("sec-n", v="${secrets.db.values.password}"))
    run = shop.wait_end(shop.start("unreadable-1"), "Failed")
    assert "kubectl create" in run["status"]["message"]
    assert "secrets" in run["status"]["message"]
    reads = [one for one in audit.since(start) if one.name == DB and one.verb == "get"]
    robots = {f"system:serviceaccount:{shared.namespace}:no-reader"}
    assert {(one.as_user, one.code) for one in reads} == {(who, 403) for who in robots}


def test_a_secret_that_a_run_has_read_is_not_written_to_git(
    shared: Shared, robot: str, password: Canary
) -> None:
    shop = made(shared, robot, "reader", secret_node("sec-r", v="${secrets.db.values.password}"))
    shop.wait_end(shop.start("reader-1"))
    synced = link(shared, "pasted", serviceAccountName=robot)
    head = synced.head()
    # Where people pasted it is the one place that shows it, so it goes again.
    synced.edit(COLOUR=f"postgres://app:{password.value}@db")
    message = synced.wait_stalled("SecretInDocument")
    assert "arguments.COLOUR" in message
    assert not password.is_in(message.encode())
    assert synced.head() == head
    synced.edit(COLOUR="red")
    synced.wait()
    shared.kubectl.delete("Template", "pasted", shared.namespace)
    eventually(
        lambda: shared.kubectl.find("Template", "pasted", shared.namespace) is None, 10, "to go"
    )


def test_random_secrets_and_secret_outputs_survive_runs_and_restarts(
    operators: Operators, namespace: str, kubectl: Kubectl, canary_search: CanarySearch
) -> None:
    operator = operators()
    password = Canary.generate()
    keep(kubectl, namespace, password)
    canary_search.add(password)
    robot = deployer(kubectl, namespace)
    first = secret_node("copy", v="${secrets.db.values.password}", r="${fn.randomSecret(24)}")
    later = secret_node("later", v="${refs.copy.data.v}", r="${fn.randomSecret(24)}")
    document = steps_document(first, DELAY, later)
    shop = source(kubectl, namespace, "keeps", document, serviceAccountName=robot)
    shop.start("keeps-1")
    eventually(
        lambda: kubectl.find("Secret", "copy", namespace) is not None, 15, "the first node to end"
    )
    shop.wait_phase("keeps-1", "Waiting")
    operator.kill()
    operator.start()
    operator.wait_ready()
    shop.wait_end("keeps-1")
    one = values(kubectl, namespace, "copy")
    assert one["v"] == password.value
    two = values(kubectl, namespace, "later")
    assert base64.b64decode(two["v"]).decode() == password.value
    assert two["r"] != one["r"], "each place has a value of its own"
    generated = kubectl.get("Secret", "keeps-generated", namespace)
    owners = [(o["kind"], o["name"]) for o in generated["metadata"]["ownerReferences"]]
    assert owners == [("Template", "keeps")]
    for value in (one["r"], two["r"]):
        canary_search.add(Canary(value))
    shop.wait_end(shop.start("keeps-2"))
    assert values(kubectl, namespace, "copy") == one
    assert values(kubectl, namespace, "later") == two
