"""The chart's values: what each changes, and that a wrong one is refused before anything happens."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ebbflow.api.base import format_duration
from ebbflow.api.kinds import KINDS
from ebbflow.api.policies import POLICIES
from ebbflow.api.rbac import Account, operator_objects, user_objects
from ebbflow.settings import Settings
from tests.support.helm import CHART, VALUES, helm, objects, only, render

EVERYTHING = f"--values={CHART / 'ci/everything-values.yaml'}"
MONITORING = "--api-versions=monitoring.coreos.com/v1"

# Settings that have no value of their own yet: extraArgs reaches them.
BY_EXTRA_ARGS = {"admission_address"}


def container(*arguments: str) -> dict[str, Any]:
    deployment = only(objects(render(*arguments)), "Deployment")
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found


def flags(*arguments: str) -> dict[str, str]:
    command, *rest = container(*arguments)["args"]
    assert command == "operator"
    return {flag: value for flag, _, value in (argument.partition("=") for argument in rest)}


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_helm_lint_finds_nothing(values: Path):
    done = helm("lint", "--strict", str(CHART), f"--values={values}")
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    assert "ERROR" not in done.stdout


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("replicaCount=2", "Additional property replicaCount is not allowed"),
        ("operator.pollIntervall=1m", "Additional property pollIntervall is not allowed"),
        ("operator.pollInterval=fast", "pollInterval"),
        ("operator.shard=1", "shard"),
        ("operator.logLevel=loud", "logLevel"),
        ("image.digest=abc", "digest"),
        ("watchNamespaces={Team_A}", "watchNamespaces.0"),
        ("crds.keep=maybe", "crds.keep"),
        ("extraArgs={workers=4}", "extraArgs.0"),
    ],
)
def test_a_wrong_value_is_refused_by_name(wrong: str, says: str):
    done = helm("template", "ebbflow", str(CHART), f"--set={wrong}")
    assert done.returncode != 0
    assert says in done.stderr


def test_every_value_has_a_place_in_the_schema_and_a_comment():
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(values) | {"global"} == set(schema["properties"])
    readme = (CHART / "README.md").read_text()
    for name, value in values.items():
        below = schema["properties"][name].get("properties")
        assert f"| `{name}`" in readme or f"| `{name}." in readme
        if below is not None:
            assert set(value) == set(below), name
            assert all(f"| `{name}.{key}` |" in readme for key in value), name


def test_every_setting_of_the_operator_can_be_given():
    given = flags(EVERYTHING, "--set=watchNamespaces={a}")
    names = {
        field.name.rstrip("s") if field.name == "namespaces" else field.name
        for field in fields(Settings)
    }
    wanted = {f"--{name.replace('_', '-')}" for name in names - BY_EXTRA_ARGS}
    assert wanted <= set(given)
    assert given["--admission-address"] == ":9443"


def test_the_values_have_the_operators_own_defaults():
    defaults = {field.name: field.default for field in fields(Settings)}
    operator = yaml.safe_load((CHART / "values.yaml").read_text())["operator"]
    for value, setting in (
        ("pollInterval", "poll_interval"),
        ("commitWindow", "commit_window"),
        ("leaseDuration", "lease_duration"),
    ):
        default = defaults[setting]
        assert isinstance(default, timedelta)
        assert operator[value] == format_duration(default)
    assert operator["workers"] == defaults["workers"]
    assert operator["logLevel"] == defaults["log_level"]
    assert operator["defaultServiceAccount"] == defaults["default_service_account"]
    assert operator["allowInsecureHttp"] is defaults["allow_insecure_http"]


def test_a_pod_is_told_who_it_is_and_where_to_answer():
    given = flags()
    assert given["--identity"] == "$(POD_NAME)"
    assert given["--health-address"] == ":8081"
    assert given["--metrics-address"] == ":8080"
    assert given["--cache-dir"] == "/var/cache/ebbflow"
    assert given["--log-format"] == "json"
    given_env = {e["name"]: e for e in container()["env"]}
    assert given_env.pop("ADMISSION_SERVICE")["value"] == "ebbflow-admission"
    paths = {k: e["valueFrom"]["fieldRef"]["fieldPath"] for k, e in given_env.items()}
    assert paths == {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}


@pytest.mark.parametrize(
    ("arguments", "image"),
    [
        ([], "ebbflow:0.1.0"),
        (["--set=image.tag=dev"], "ebbflow:dev"),
        (
            ["--set=image.tag=dev", f"--set=image.digest=sha256:{'a' * 64}"],
            f"ebbflow@sha256:{'a' * 64}",
        ),
    ],
    ids=["the chart's version", "a tag", "a digest wins over the tag"],
)
def test_the_image_is_named_by_version_tag_or_digest(arguments: list[str], image: str):
    assert container(*arguments)["image"] == image


SHIPPED_WITH_CRDS = {
    "CustomResourceDefinition": len(KINDS),
    "ValidatingAdmissionPolicy": len(POLICIES),
    "ValidatingAdmissionPolicyBinding": len(POLICIES),
}


def shipped_with_crds(*arguments: str) -> list[dict[str, Any]]:
    return [each for each in objects(render(*arguments)) if each["kind"] in SHIPPED_WITH_CRDS]


def test_the_definitions_and_their_policy_are_kept_unless_told_otherwise():
    kept = shipped_with_crds()
    assert Counter(each["kind"] for each in kept) == SHIPPED_WITH_CRDS
    keep = {"helm.sh/resource-policy": "keep"}
    assert all(each["metadata"]["annotations"] == keep for each in kept)
    left = shipped_with_crds("--set=crds.keep=false")
    assert len(left) == len(kept)
    assert all("annotations" not in each["metadata"] for each in left)
    assert shipped_with_crds("--set=crds.install=false") == []


def test_the_chart_has_exactly_the_policies_of_the_models():
    made = {(each["kind"], each["metadata"]["name"]): each["spec"] for each in shipped_with_crds()}
    for wished in (one for policy in POLICIES for one in policy.objects()):
        assert made[wished["kind"], wished["metadata"]["name"]] == wished["spec"]


def rights(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return roles and bindings in a fixed order, without labels."""
    kinds = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
    found = [document for document in documents if document["kind"] in kinds]
    for document in found:
        document["metadata"].pop("labels", None)
    return sorted(found, key=lambda d: (d["kind"], str(d["metadata"])))


@pytest.mark.parametrize("watched", [[], ["team-a", "team-b"]], ids=["cluster", "two namespaces"])
def test_the_chart_grants_exactly_the_rights_of_the_models(watched: list[str]):
    account = Account("ops", "ebbflow")
    made = objects(render(f"--set-json=watchNamespaces={json.dumps(watched)}", namespace="ops"))
    assert rights(made) == rights([*operator_objects(account, watched), *user_objects()])


def test_people_get_their_rights_by_aggregation():
    made = objects(render())
    labels = {
        document["metadata"]["name"]: [
            label for label in document["metadata"]["labels"] if "aggregate-to" in label
        ]
        for document in made
        if document["kind"] == "ClusterRole"
    }
    base = "rbac.authorization.k8s.io/aggregate-to"
    assert labels == {
        "ebbflow-operator": [],
        "ebbflow-view": [f"{base}-view"],
        "ebbflow-edit": [f"{base}-edit"],
        "ebbflow-admin": [f"{base}-admin"],
    }


def test_rights_can_be_left_to_others():
    kinds = {d["kind"] for d in objects(render("--set=rbac.create=false,rbac.userRoles=false"))}
    assert not {kind for kind in kinds if "Role" in kind}


def test_each_extra_is_off_until_it_is_enabled():
    plain = {document["kind"] for document in objects(render())}
    full = {document["kind"] for document in objects(render(EVERYTHING, MONITORING))}
    extras = {"PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "ConfigMap"}
    assert not plain & extras
    assert extras <= full


def test_the_api_server_finds_the_admission_server_behind_a_service():
    made = objects(render())
    (service,) = [
        each["spec"]
        for each in made
        if each["kind"] == "Service" and each["metadata"]["name"] == "ebbflow-admission"
    ]
    (port,) = service["ports"]
    ports = {each["name"]: each["containerPort"] for each in container()["ports"]}
    assert (port["port"], port["targetPort"]) == (9443, "admission")
    assert ports["admission"] == 9443
    assert service["publishNotReadyAddresses"] is True


def test_webhooks_reach_every_pod_through_a_service_and_from_outside_through_an_ingress():
    made = {(each["kind"], each["metadata"]["name"]): each for each in objects(render(EVERYTHING))}
    service = made["Service", "ebbflow-webhooks"]["spec"]
    (port,) = service["ports"]
    ports = {each["name"]: each["containerPort"] for each in container(EVERYTHING)["ports"]}
    assert (service["type"], port["port"], ports[port["targetPort"]]) == ("NodePort", 8080, 9080)
    given = flags(EVERYTHING)
    assert given["--webhook-address"] == ":9080"
    assert given["--webhook-url"] == "https://hooks.acme.dev"
    (rule,) = made["Ingress", "ebbflow-webhooks"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"]) == ("hooks.acme.dev", "/hooks/")
    assert path["backend"]["service"]["name"] == "ebbflow-webhooks"
    policy = made["NetworkPolicy", "ebbflow"]["spec"]["ingress"]
    assert [one["ports"][0]["port"] for one in policy] == ["metrics", "health", "webhooks"]


def test_without_webhooks_nothing_of_theirs_is_made():
    off = "--set=webhooks.enabled=false"
    names = [each["metadata"]["name"] for each in objects(render(EVERYTHING, off))]
    assert not [name for name in names if name.endswith("-webhooks")]
    assert "--webhook-address" not in flags(EVERYTHING, off)
    assert "webhooks" not in [port["name"] for port in container(EVERYTHING, off)["ports"]]


def test_an_ingress_needs_a_host():
    done = helm("template", "ebbflow", str(CHART), "--set=webhooks.ingress.enabled=true")
    assert done.returncode != 0
    assert "webhooks.ingress.host is needed" in done.stderr


def test_a_service_monitor_needs_a_cluster_that_knows_it():
    assert "ServiceMonitor" not in {document["kind"] for document in objects(render(EVERYTHING))}


def test_the_selectors_of_all_objects_find_the_pod():
    made = objects(render(EVERYTHING, MONITORING))
    labels = only(made, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        only(made, "Deployment")["spec"]["selector"]["matchLabels"],
        *(each["spec"]["selector"] for each in made if each["kind"] == "Service"),
        only(made, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(made, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    service_labels, *_ = (each["metadata"]["labels"] for each in made if each["kind"] == "Service")
    monitored = only(made, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= service_labels.items()
