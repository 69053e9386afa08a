"""Where the configuration comes from, and that errors about it hold no credential."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ebbflow.adapters.kube.connection import (
    Connection,
    Kubeconfig,
    NoCluster,
    Pod,
    find_source,
    read_source,
)

TOKEN = "canary-token"


def config(user: dict[str, Any], **context: str) -> dict[str, Any]:
    return {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "k", "user": "u", **context}},
            {"name": "there", "context": {"cluster": "k", "user": "u", "namespace": "other"}},
        ],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1/"}}],
        "users": [{"name": "u", "user": user}],
    }


def written(directory: Path, content: object) -> Kubeconfig:
    path = directory / "kubeconfig"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return Kubeconfig(str(path), None)


@pytest.mark.parametrize(
    ("context", "environ", "with_default", "expected"),
    [
        pytest.param(None, {"KUBECONFIG": "/a:/b"}, True, "/a:/b", id="the variable wins"),
        pytest.param(
            None,
            {"KUBECONFIG": "/a", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            False,
            "/a",
            id="even in a pod",
        ),
        pytest.param(None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True, Pod, id="then the pod"),
        pytest.param(
            "there", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True, "default", id="a context"
        ),
        pytest.param(None, {}, True, "default", id="then the home directory"),
        pytest.param(None, {}, False, NoCluster, id="else nothing"),
    ],
)
def test_the_configuration_is_found(
    tmp_path: Path,
    context: str | None,
    environ: dict[str, str],
    with_default: bool,
    expected: object,
) -> None:
    default = tmp_path / ".kube" / "config"
    if with_default:
        default.parent.mkdir()
        default.touch()
    if expected is NoCluster:
        with pytest.raises(NoCluster, match="ebbflow up"):
            find_source(context, environ, tmp_path)
        return
    source = find_source(context, environ, tmp_path)
    if expected is Pod:
        assert isinstance(source, Pod)
    else:
        wanted = str(default) if expected == "default" else expected
        assert source == Kubeconfig(str(wanted), context)


async def test_a_token_is_read(tmp_path: Path) -> None:
    info = await read_source(written(tmp_path, config({"token": TOKEN})))
    assert info.server == "https://127.0.0.1:1"
    assert info.authorization == f"Bearer {TOKEN}"
    assert info.default_namespace == "default"
    assert TOKEN not in repr(info)


async def test_the_chosen_context_counts(tmp_path: Path) -> None:
    path = written(tmp_path, config({"token": TOKEN})).paths
    assert (await read_source(Kubeconfig(path, "there"))).default_namespace == "other"


async def test_a_context_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path, config({"token": TOKEN})).paths
    with pytest.raises(NoCluster, match=r"it has no context nowhere; those it has: .*there"):
        await read_source(Kubeconfig(path, "nowhere"))


async def test_a_user_and_password_are_basic_authentication(tmp_path: Path) -> None:
    user = {"username": "ada", "password": TOKEN}
    info = await read_source(written(tmp_path, config(user)))
    assert info.authorization is not None
    assert info.authorization.startswith("Basic ")


async def test_an_exec_plugin_is_run(tmp_path: Path) -> None:
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": TOKEN},
    }
    user = {
        "exec": {
            "apiVersion": answer["apiVersion"],
            "command": sys.executable,
            "args": ["-c", f"print({json.dumps(json.dumps(answer))})"],
        }
    }
    info = await read_source(written(tmp_path, config(user)))
    assert info.authorization == f"Bearer {TOKEN}"


async def test_an_exec_plugin_that_fails_is_told(tmp_path: Path) -> None:
    plugin = {"apiVersion": "v1", "command": sys.executable, "args": ["-c", "exit(1)"]}
    with pytest.raises(NoCluster, match="exec plugin"):
        await read_source(written(tmp_path, config({"exec": plugin})))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("{", "not valid YAML", id="broken YAML"),
        pytest.param("[]", "not a kubeconfig", id="a list"),
        pytest.param("text", "kubeconfig", id="a text"),
        pytest.param({}, "kubeconfig", id="nothing in it"),
        pytest.param(config({}) | {"current-context": "nowhere"}, "nowhere", id="no such context"),
        pytest.param(
            config({}) | {"users": [{"name": "u", "token": TOKEN}]}, "user", id="a misplaced token"
        ),
    ],
)
async def test_a_broken_kubeconfig_is_refused_without_its_secrets(
    tmp_path: Path, content: object, words: str
) -> None:
    with pytest.raises(NoCluster, match=words) as caught:
        await read_source(written(tmp_path, content))
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_kubeconfig_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match="no such file"):
        await read_source(Kubeconfig(str(tmp_path / "none"), None))


def pod(directory: Path, token: str) -> Pod:
    (directory / "token").write_text(token + "\n")
    (directory / "ca.crt").write_text("not looked at here")
    (directory / "namespace").write_text("team")
    environ = {"KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": "443"}
    return Pod(directory, environ)


async def test_a_pods_account_is_read(tmp_path: Path) -> None:
    info = await read_source(pod(tmp_path, TOKEN))
    assert info.server == "https://[::1]:443"
    assert info.authorization == f"Bearer {TOKEN}"
    assert info.default_namespace == "team"
    assert info.ca_path == str(tmp_path / "ca.crt")


async def test_a_pod_without_a_token_is_told(tmp_path: Path) -> None:
    source = pod(tmp_path, TOKEN)
    (tmp_path / "token").unlink()
    with pytest.raises(NoCluster, match="ServiceAccount"):
        await read_source(source)


async def test_a_pods_token_is_read_again_when_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pod(tmp_path, "old")
    info = await read_source(source)
    monkeypatch.setattr(Connection, "_load_tls", lambda _: None)
    connection = Connection(source, info)
    pod(tmp_path, "new")
    assert (await connection.current()).authorization == "Bearer old"
    monkeypatch.setattr("ebbflow.adapters.kube.connection.TOKEN_LIFETIME", -1.0)
    monkeypatch.setattr("ebbflow.adapters.kube.connection.RENEWAL_PAUSE", 0.0)
    assert (await connection.current()).authorization == "Bearer new"


async def test_a_second_asker_gets_what_the_first_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebbflow.adapters.kube.connection.RENEWAL_PAUSE", 0.0)
    source = written(tmp_path, config({"token": "old"}))
    connection = await Connection.open(source)
    refused = connection.info
    written(tmp_path, config({"token": "new"}))
    assert await connection.renew(refused)
    renewed = connection.info
    monkeypatch.setattr("ebbflow.adapters.kube.connection.RENEWAL_PAUSE", 1e9)
    assert await connection.renew(refused)
    assert connection.info is renewed
    assert not await connection.renew(renewed)
