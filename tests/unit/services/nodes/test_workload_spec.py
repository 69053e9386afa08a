"""What the short forms refuse before anything is made: field and sentence."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.services.nodes.addon import AddonSpec
from ebbflow.services.nodes.deployment_service import DeploymentServiceSpec
from ebbflow.services.nodes.job import CronJobSpec
from ebbflow.services.nodes.pods.service_ports import HealthCheck
from ebbflow.services.nodes.spec import NodeSpec, StaticFault, static_faults
from ebbflow.services.nodes.subdomain import SubdomainSpec

PORT = {"name": "web", "internalPort": 80}
SERVICE: JsonObject = {"name": "api", "image": "a:1"}
SUBDOMAIN: JsonObject = {"domain": "example.com", "service": {"name": "web"}}


def said(spec: type[NodeSpec], raw: JsonObject) -> list[tuple[str, str]]:
    """Return the faults: dotted path, and the sentence."""

    def path(fault: StaticFault) -> str:
        return ".".join(map(str, fault.location))

    return [(path(one), one.message) for one in static_faults(spec, raw)]


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        pytest.param({"image": ""}, "image", "must be an image", id="no-image-at-all"),
        pytest.param({"image": "a b"}, "image", "must be an image", id="image-with-a-space"),
        pytest.param({"replicas": -1}, "replicas", "greater than or equal to 0", id="replicas"),
        pytest.param(
            {"replicas": 1, "deployment": {"instances": 1}}, "", "not both", id="replicas-twice"
        ),
        pytest.param({"ports": [PORT, {**PORT, "internalPort": 81}]}, "", "the same name", id="port-name-twice"),
        pytest.param({"ports": [PORT, {**PORT, "name": "b"}]}, "", "the same internalPort", id="port-twice"),
        pytest.param(
            {"ports": [{**PORT, "public": True, "protocol": "TCP", "domains": ["a.b"]}]},
            "ports.0",
            "domains need protocol HTTP",
            id="domain-of-tcp",
        ),
        pytest.param({"ports": [{**PORT, "domains": ["a/b"]}]}, "ports.0.domains.0", "must be a host name", id="domain"),
        pytest.param(
            {"ports": [{**PORT, "security": {"policies": [{"ip": "192.0.2.1"}]}}]},
            "ports.0.security.policies",
            "at most 0",
            id="rules-that-cannot-be-carried-over",
        ),
        pytest.param({"env": [{"value": "x"}]}, "env", "each variable needs a name", id="nameless-variable"),
        pytest.param({"runtimeFiles": {"etc/x": {"data": ""}}}, "runtimeFiles", "must be absolute", id="relative-file"),
        pytest.param({"runtimeFiles": {"/etc/../x": {"data": ""}}}, "runtimeFiles", "without ..", id="file-outside"),
        pytest.param(
            {"runtimeFiles": {"/a/b": {"data": ""}, "/a_b": {"data": ""}}}, "runtimeFiles", "the same key", id="files-of-one-key"
        ),
        pytest.param(
            {"deployment": {"docker": {"configType": "customCommand", "customCommand": "a 'b"}}},
            "deployment.docker.customCommand",
            "cannot be split into words",
            id="command-line",
        ),
        pytest.param(
            {"args": ["x"], "deployment": {"docker": {"configType": "customCommand", "customCommand": "a"}}},
            "",
            "not both",
            id="args-twice",
        ),
        pytest.param(
            {"healthChecks": [{"type": "readinessProbe", "protocol": "HTTP"}]},
            "healthChecks.0",
            "protocol HTTP needs port",
            id="check-without-port",
        ),
        pytest.param(
            {"healthChecks": [{"type": "readinessProbe", "protocol": "CMD"}]},
            "healthChecks.0",
            "protocol CMD needs cmd",
            id="check-without-command",
        ),
        pytest.param({"podTemplate": {"spec": {"hostPID": True}}}, "podTemplate", "spec.hostPID: must be false", id="pod"),
        pytest.param({"imagee": "x"}, "imagee", "did you mean image?", id="typo"),
    ],
)  # fmt: skip
def test_a_service_is_refused(fields: dict[str, Any], path: str, words: str) -> None:
    ((where, sentence),) = said(DeploymentServiceSpec, SERVICE | fields)
    assert where == path
    assert words in sentence


@pytest.mark.parametrize(
    ("spec", "raw", "words"),
    [
        pytest.param(
            CronJobSpec,
            {"name": "a", "image": "a:1", "schedule": "@daily", "concurrencyPolicy": "queue"},
            "'Allow', 'Forbid' or 'Replace'",
            id="policy-of-a-cron-job",
        ),
        pytest.param(
            AddonSpec,
            {"name": "db", "type": "redis", "version": "8", "image": "redis:8"},
            "give exactly one of version (such as 17) and image",
            id="version-and-image-of-an-addon",
        ),
        pytest.param(
            AddonSpec,
            {"name": "db", "type": "redis", "version": "8", "until": "true"},
            "until belongs to manifest",
            id="until-of-a-type",
        ),
        pytest.param(SubdomainSpec, SUBDOMAIN | {"subdomain": "a b"}, "must be a host name", id="subdomain"),
        pytest.param(
            SubdomainSpec,
            SUBDOMAIN | {"gateway": {"name": "g"}, "tls": {"secretName": "s"}},
            "belong to an Ingress",
            id="tls-of-a-route",
        ),
        pytest.param(
            SubdomainSpec,
            {"domain": "a.b", "paths": [{"uri": "x", "service": {"name": "web"}}]},
            "must begin with /",
            id="path",
        ),
    ],
)  # fmt: skip
def test_others_are_refused(spec: type[NodeSpec], raw: JsonObject, words: str) -> None:
    ((_, sentence),) = said(spec, raw)
    assert words in sentence


def test_a_missing_image_is_known_before_anything_is_rendered() -> None:
    raw = {"name": "api", "runtimeEnvironment": {"A": "${refs.a.id}"}}
    ((_, sentence),) = said(DeploymentServiceSpec, raw)
    assert sentence.startswith("there is no image; give image")


def test_what_holds_an_expression_is_left_for_later() -> None:
    later = SERVICE | {"replicas": "${args.N}", "podTemplate": {"spec": {"hostPID": "${args.P}"}}}
    assert said(DeploymentServiceSpec, later) == []


@pytest.mark.parametrize(
    ("check", "probe"),
    [
        pytest.param({"protocol": "HTTP", "port": 80}, {"httpGet": {"path": "/", "port": 80}}, id="http"),
        pytest.param({"protocol": "TCP", "port": "80"}, {"tcpSocket": {"port": 80}}, id="tcp"),
        pytest.param(
            {"protocol": "CMD", "cmd": "a 'b c'", "timeoutSeconds": 3},
            {"exec": {"command": ["a", "b c"]}, "timeoutSeconds": 3},
            id="command",
        ),
    ],
)  # fmt: skip
def test_a_health_check_is_a_probe(check: JsonObject, probe: JsonObject) -> None:
    assert HealthCheck.model_validate({"type": "livenessProbe", **check}).probe() == probe
