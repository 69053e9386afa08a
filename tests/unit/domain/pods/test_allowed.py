"""What a document may ask of pods: everything else is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.api.base import JsonObject
from ebbflow.domain.pods.allowed import listed, refused, refused_context
from ebbflow.domain.secret import Tainted


def spec(**fields: Any) -> JsonObject:
    return {"spec": fields}


def container(**fields: Any) -> JsonObject:
    return spec(containers=[{"name": "app", **fields}])


def context(**fields: Any) -> JsonObject:
    return container(securityContext=fields)


LOOSE = [
    (spec(volumes=[{"name": "x"}, {"name": "y", "hostPath": {"path": "/"}}]), "spec.volumes[1].hostPath"),
    (spec(volumes=[{"name": "x", "nfs": {"server": "a"}}]), "spec.volumes[0].nfs"),
    (spec(volumes=[{"name": "x", "csi": {"driver": "a"}}]), "spec.volumes[0].csi"),
    (spec(hostNetwork=True), "spec.hostNetwork"),
    (spec(hostPID=True), "spec.hostPID"),
    (spec(hostIPC=True), "spec.hostIPC"),
    (spec(hostUsers=True), "spec.hostUsers"),
    (spec(hostNetwork="true"), "spec.hostNetwork"),
    (spec(hostNetwork=Tainted("true")), "spec.hostNetwork"),
    (spec(nodeName="control-plane"), "spec.nodeName"),
    (spec(priority=2_000_000_000), "spec.priority"),
    (spec(priorityClassName="system-node-critical"), "spec.priorityClassName"),
    (spec(priorityClassName=Tainted("system-node-critical")), "spec.priorityClassName"),
    (spec(ephemeralContainers=[]), "spec.ephemeralContainers"),
    (spec(serviceAccount="admin"), "spec.serviceAccount"),
    (spec(resourceClaims=[]), "spec.resourceClaims"),
    (spec(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}), "spec.securityContext.sysctls[0].name"),
    (spec(securityContext={"seccompProfile": {"type": "Unconfined"}}), "spec.securityContext.seccompProfile.type"),
    (spec(securityContext={"windowsOptions": {"hostProcess": True}}), "spec.securityContext.windowsOptions.hostProcess"),
    (context(privileged=True), "spec.containers[0].securityContext.privileged"),
    (context(procMount="Unmasked"), "spec.containers[0].securityContext.procMount"),
    (context(capabilities={"add": ["CHOWN", "SYS_ADMIN"]}), "spec.containers[0].securityContext.capabilities.add[1]"),
    (context(seLinuxOptions={"type": "spc_t"}), "spec.containers[0].securityContext.seLinuxOptions.type"),
    (context(seLinuxOptions={"user": "root"}), "spec.containers[0].securityContext.seLinuxOptions.user"),
    (context(appArmorProfile={"type": "Unconfined"}), "spec.containers[0].securityContext.appArmorProfile.type"),
    (container(ports=[{"containerPort": 80, "hostPort": 80}]), "spec.containers[0].ports[0].hostPort"),
    (container(ports=[{"containerPort": 80, "hostIP": "192.0.2.1"}]), "spec.containers[0].ports[0].hostIP"),
    (container(livenessProbe={"httpGet": {"port": 80, "host": "169.254.169.254"}}), "spec.containers[0].livenessProbe.httpGet.host"),
    (container(lifecycle={"preStop": {"tcpSocket": {"port": 80, "host": "db"}}}), "spec.containers[0].lifecycle.preStop.tcpSocket.host"),
    (spec(initContainers=[{"securityContext": {"privileged": True}}]), "spec.initContainers[0].securityContext.privileged"),
    ({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}}}, "metadata.annotations"),
    ({"metadata": {"ownerReferences": []}}, "metadata.ownerReferences"),
    (spec(containers={"name": "app"}), "spec.containers"),
    ({"spec": ["containers"]}, "spec"),
    (spec(somethingNew=True), "spec.somethingNew"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "path"), LOOSE, ids=[path for _, path in LOOSE])
def test_it_is_refused_by_its_path(template: JsonObject, path: str) -> None:
    assert [one.path for one in refused(template)] == [path]


FINE = [
    pytest.param({}, id="nothing"),
    pytest.param({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}, id="metadata"),
    pytest.param(
        {"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "runtime/default"}}},
        id="apparmor",
    ),
    pytest.param(
        spec(hostNetwork=False, hostUsers=False, hostPID=None, priorityClassName="batch"), id="pod"
    ),
    pytest.param(
        spec(
            volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "persistentVolumeClaim": {}}],
            securityContext={
                "sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}],
                "fsGroup": 1000,
            },
        ),
        id="volumes",
    ),
    pytest.param(
        context(
            runAsUser=0,
            allowPrivilegeEscalation=True,
            privileged=False,
            capabilities={"add": ["CHOWN"], "drop": ["ALL"]},
        ),
        id="up-to-the-baseline-profile",
    ),
    pytest.param(container(livenessProbe={"httpGet": {"port": 80, "host": ""}}), id="probe"),
]  # fmt: skip


@pytest.mark.parametrize("template", FINE)
def test_it_is_allowed(template: JsonObject) -> None:
    assert refused(template) == ()


def test_a_context_is_judged_by_itself_too() -> None:
    assert [one.path for one in refused_context({"privileged": True, "runAsUser": 1})] == [
        "privileged"
    ]


def test_pods_run_as_no_other_account_than_the_one_that_makes_them() -> None:
    template = spec(serviceAccountName="admin")
    assert refused(template) == refused(template, "admin") == ()
    (fault,) = refused(template, "deployer")
    assert str(fault).startswith("spec.serviceAccountName: must be deployer, the ServiceAccount")
    assert "admin" not in str(fault)


def test_the_sentence_says_what_to_do_and_how_it_may_be_spelt() -> None:
    faults = refused(spec(hostNetwork=True, tolerationz=[]))
    text = listed(faults)
    assert text.startswith("spec.hostNetwork: must be false; pods that a document")
    assert "apply the object with a Manifest node" in text
    assert text.endswith("did you mean tolerations?")


def test_of_many_faults_only_the_first_are_told() -> None:
    volumes = [{"name": str(number), "hostPath": {}} for number in range(50)]
    assert listed(refused(spec(volumes=volumes))).count("hostPath") == 5
