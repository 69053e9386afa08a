"""The table of tests/support/crd_cases.py, held against a real API server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.api_client import ApiClient
from tests.support.crd_case import Case
from tests.support.crd_cases import CASES
from tests.support.crd_cases_run import CHANGES, Change
from tests.support.kubectl import KINDS, Kubectl

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="module")
def cluster(own_cluster: ControlPlane) -> ControlPlane:
    """A control plane of this file's own, with the CRDs and without the admission policy on Runs,
    which would refuse approvals in the names of people who are made up.
    """
    own_cluster.kubectl_run("apply", "--server-side", "-f", str(CRDS))
    own_cluster.kubectl_run("wait", "--for=condition=Established", "-f", str(CRDS))
    return own_cluster


@pytest.fixture(scope="module")
def kubectl(cluster: ControlPlane) -> Kubectl:
    return Kubectl(cluster)


@pytest.fixture(scope="module")
def api(cluster: ControlPlane) -> ApiClient:
    return ApiClient(cluster.kubeconfig)


def create(api: ApiClient, case: Case) -> tuple[int, str]:
    """Ask the server what it would do; its status and words."""
    query = {"dryRun": "All", "fieldValidation": "Warn"}
    status, body = api.raw("POST", KINDS[case.kind].path("default"), case.manifest, query=query)
    return status, json.loads(body).get("message", "")


@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in CASES if c.accepted])
def test_the_api_server_accepts_what_the_model_accepts(api: ApiClient, case: Case):
    status, words = create(api, case)
    assert status == 201, words


@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in CASES if not c.accepted])
def test_the_api_server_refuses_what_the_model_refuses_and_says_what_to_do(
    api: ApiClient, case: Case
):
    status, words = create(api, case)
    assert status == 422, words
    assert case.says in words
    assert case.where.removeprefix("<root>") in words
    assert "hunter2" not in words


@pytest.mark.parametrize("change", [pytest.param(c, id=c.id) for c in CHANGES])
def test_a_run_changes_only_by_a_cancellation_and_more_approvals(
    api: ApiClient, namespace: str, change: Change
):
    kind = KINDS["Run"]
    made = Case(change.id, "Run", change.before).manifest
    stored = api.call("POST", kind.path(namespace), made)
    status, body = api.raw("PUT", kind.path(namespace, "case"), stored | {"spec": change.after})
    words = json.loads(body).get("message", "")
    assert (status, change.says in words) == (422 if change.says else 200, True), words
