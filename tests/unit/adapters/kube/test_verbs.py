"""The verbs of a tenant: the API server is asked as the tenant, and a refusal says what helps."""

from __future__ import annotations

import pytest

from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.system_namespaces import SystemNamespaces
from ebbflow.adapters.kube.verbs import KubeVerbs
from ebbflow.api.base import Key
from ebbflow.domain.objects import Account, AccountMissing, Busy, Denied, SystemNamespace
from tests.support.fake_kube_api import FakeApi, refusal

ROBOT = Account("shop", "robot")
MIGRATE = Key("Template", "shop", "migrate")
ALLOWED = (200, {"status": {"allowed": True}})
NOT_ALLOWED = (200, {"status": {"allowed": False}})


@pytest.fixture
def verbs(client: KubeClient) -> KubeVerbs:
    return KubeVerbs(client, SystemNamespaces(()))


async def test_the_account_itself_is_asked_about_the_one_object(
    verbs: KubeVerbs, api: FakeApi
) -> None:
    api.replies = [ALLOWED]
    await verbs.require("run", MIGRATE, ROBOT)
    (seen,) = api.requests
    assert seen.headers["Impersonate-User"] == "system:serviceaccount:shop:robot"
    assert seen.path.endswith("/selfsubjectaccessreviews")
    assert seen.body["spec"]["resourceAttributes"] == {
        "group": "ebbflow.dev",
        "resource": "templates",
        "namespace": "shop",
        "name": "migrate",
        "verb": "run",
    }


async def test_a_denial_says_which_verb_on_what_for_whom_and_how_to_give_it(
    verbs: KubeVerbs, api: FakeApi
) -> None:
    api.replies = [NOT_ALLOWED, (200, {}), (200, {"status": {}})]
    with pytest.raises(Denied) as caught:
        await verbs.require("run", MIGRATE, ROBOT)
    assert str(caught.value) == (
        "cannot run Template migrate: the ServiceAccount shop/robot lacks the verb run on "
        "templates.ebbflow.dev migrate in namespace shop; an admin can give it: kubectl create role "
        "robot-run-migrate --verb=run --resource=templates.ebbflow.dev --resource-name=migrate "
        "-n shop && kubectl create rolebinding robot-run-migrate --role=robot-run-migrate "
        "--serviceaccount=shop:robot -n shop"
    )


async def test_of_an_account_that_does_not_exist_that_is_said(
    verbs: KubeVerbs, api: FakeApi
) -> None:
    api.replies = [NOT_ALLOWED, refusal(404, "not there")]
    with pytest.raises(AccountMissing, match="kubectl create serviceaccount robot -n shop"):
        await verbs.require("run", MIGRATE, ROBOT)


async def test_an_answer_that_says_nothing_is_no_denial(verbs: KubeVerbs, api: FakeApi) -> None:
    api.replies = [refusal(500, "etcd")] * 10
    with pytest.raises(Busy):
        await verbs.require("run", MIGRATE, ROBOT)


async def test_nobody_is_asked_as_an_account_of_the_system(verbs: KubeVerbs, api: FakeApi) -> None:
    with pytest.raises(SystemNamespace):
        await verbs.require("run", MIGRATE, Account("kube-system", "robot"))
    assert api.requests == []
