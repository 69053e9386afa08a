"""Which events make a pass: every change by others, and none that is our own work alone."""

from __future__ import annotations

import pytest

from tests.env.conftest import Shared
from tests.support.apifaults import Call, matching
from tests.support.apiproxy import ApiProxy
from tests.support.audit import AuditLog
from tests.support.gitserver import FaultyGitServer
from tests.support.installation import OPERATOR_USER
from tests.support.kubectl import Kubectl
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, Synced, link

FIVE = SHOP.replace(b'"2"', b'"5"')
STATUS = matching(resource="templates/status", writes=True)


@pytest.fixture
def scene(kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str) -> Scene:
    return Scene(kubectl, git, namespace, account)


def passes_over(audit: AuditLog, shop: Synced, since: int) -> int:
    """How often the operator began a pass: each reads the object once, but for a new one's first."""
    asked = audit.since(since).where(user=OPERATOR_USER, namespace=shop.world.namespace)
    return len(asked.where(verb="get", resource="templates", name=shop.name))


def settle(shared: Shared, name: str) -> None:
    """Wait until all earlier events were judged: those of a new object come after them."""
    link(shared, name).look_now()


def test_our_own_writes_make_no_pass(shared: Shared, audit: AuditLog) -> None:
    mark = audit.mark()
    shop = link(shared, "own")
    settle(shared, "second")
    assert passes_over(audit, shop, mark) == 0
    mark = audit.mark()
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    shop.wait()
    settle(shared, "third")
    assert passes_over(audit, shop, mark) == 1


def test_an_annotation_by_others_makes_a_pass(shared: Shared, audit: AuditLog) -> None:
    shop = link(shared, "annotated")
    settle(shared, "fourth")
    mark = audit.mark()
    shop.look_now()
    assert passes_over(audit, shop, mark) == 1


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_foreign_write_beside_our_own_makes_a_pass(
    scene: Scene, operators: Operators, proxy: ApiProxy, phase: str
) -> None:
    """Somebody edits the object right before, or right after, the operator writes its status."""
    operators("--poll-interval=10m", through=proxy)
    shop = link(scene, "shop")
    add = getattr(proxy, phase)
    add(STATUS, Call(lambda _: shop.edit(REPLICAS="5")), times=1)
    shop.edit(COLOUR="blue")
    shop.wait_file(FIVE.replace(b"red", b"blue"))
    shop.wait()
    assert shop.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
