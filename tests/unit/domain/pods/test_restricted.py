"""Every pod that we make meets the restricted profile, but for what its template loosens itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from ebbflow.api.base import JsonObject
from ebbflow.domain.pods.allowed import refused
from ebbflow.domain.pods.restricted import restricted
from tests.support.pod_security import violations
from tests.support.pod_templates import templates

IMAGE = {"name": "app", "image": "busybox"}


def template(container: JsonObject | None = None, **pod: Any) -> JsonObject:
    context = {} if container is None else {"securityContext": container}
    return {"spec": {"containers": [{**IMAGE, **context}], **pod}}


def of_container(made: JsonObject) -> JsonObject:
    context: JsonObject = made["spec"]["containers"][0]["securityContext"]
    return context


@given(templates())
def test_the_result_meets_the_profile_and_is_allowed(given_: JsonObject) -> None:
    made = restricted(given_)
    assert violations(made) == []
    assert refused(made) == ()
    assert restricted(made) == made


@given(templates())
def test_what_the_template_says_stays(given_: JsonObject) -> None:
    before, after = given_["spec"], restricted(given_)["spec"]
    for key in ("volumes", "automountServiceAccountToken"):
        assert after.get(key) == before.get(key, after.get(key))
    assert kept(before.get("securityContext")) <= kept(after["securityContext"])
    for one, made in zip(before["containers"], after["containers"], strict=True):
        assert kept(one.get("securityContext")) <= kept(made["securityContext"])
        assert {**made, "securityContext": None} == {**one, "securityContext": None}


def kept(context: JsonObject | None) -> set[tuple[str, str]]:
    """Return the fields of a context that are kept as they are."""
    return {(key, repr(value)) for key, value in (context or {}).items() if key != "capabilities"}


def test_a_plain_container_gets_all_of_it() -> None:
    assert restricted(template()) == {
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    **IMAGE,
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        }
    }


@pytest.mark.parametrize(
    ("context", "field", "becomes"),
    [
        pytest.param({"runAsNonRoot": False}, "runAsNonRoot", False, id="root-is-allowed"),
        pytest.param({"runAsUser": 0}, "runAsNonRoot", False, id="root-is-named"),
        pytest.param({"runAsUser": 0, "runAsNonRoot": True}, "runAsNonRoot", True, id="both-said"),
        pytest.param(
            {"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation", True, id="escalation"
        ),
        pytest.param(
            {"capabilities": {"add": ["CHOWN"]}},
            "capabilities",
            {"add": ["CHOWN"], "drop": ["ALL"]},
            id="capabilities-are-added-by-name",
        ),
        pytest.param(
            {"capabilities": {"drop": ["NET_RAW"]}},
            "capabilities",
            {"drop": ["ALL", "NET_RAW"]},
            id="all-are-dropped-always",
        ),
        pytest.param({"capabilities": "none"}, "capabilities", "none", id="of-another-shape"),
        pytest.param(
            {"capabilities": {"drop": "ALL"}}, "capabilities", {"drop": "ALL"}, id="drop-no-list"
        ),
    ],
)
def test_what_a_container_loosens_stays_loose(
    context: JsonObject, field: str, becomes: object
) -> None:
    assert of_container(restricted(template(context)))[field] == becomes


def test_a_pod_that_names_root_is_not_told_to_run_as_somebody_else() -> None:
    made = restricted(template(securityContext={"runAsUser": 0}))["spec"]["securityContext"]
    assert made == {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}}


def test_a_pod_for_windows_gets_only_what_windows_has() -> None:
    made = restricted(template(os={"name": "windows"}))["spec"]
    assert made["securityContext"] == {"runAsNonRoot": True}
    assert made["containers"] == [IMAGE]


@pytest.mark.parametrize(
    "given_",
    [
        pytest.param({}, id="no-spec"),
        pytest.param({"spec": "x"}, id="spec"),
        pytest.param({"spec": {"containers": ["x", 3]}}, id="containers"),
        pytest.param({"spec": {"securityContext": "x", "containers": None}}, id="context"),
        pytest.param(template() | {"spec": {"containers": [{"securityContext": 1}]}}, id="inner"),
    ],
)
def test_what_has_another_shape_is_left_to_the_api_server(given_: JsonObject) -> None:
    made = restricted(given_)
    before = given_.get("spec")
    assert made.get("spec") == (
        {"automountServiceAccountToken": False, "securityContext": made["spec"]["securityContext"]}
        | before
        if isinstance(before, dict)
        else before
    )
