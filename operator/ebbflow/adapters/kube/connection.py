"""How the API server is reached and as whom: kubeconfig, exec plugin, or the pod's own account."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from ebbflow.domain.secret import Tainted

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_LIFETIME: Final = 60.0
"""Seconds after which a pod's token file is read again; the kubelet renews it in place."""

RENEWAL_PAUSE: Final = 5.0
"""Seconds between two renewals after a 401: an exec plugin may open a browser."""

_PodLoader: Final[Any] = InClusterConfigLoader  # the package's loaders have no types
_Merger: Final[Any] = KubeConfigMerger
_Loader: Final[Any] = KubeConfigLoader


class NoCluster(Exception):
    """There is no usable way to an API server; three lines: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """Where the API server is and how to log in there. Its `repr` holds no secret."""

    server: str
    default_namespace: str
    ca_path: str | None = None
    insecure: bool = False
    scheme: str | None = None
    token: Tainted | None = None
    certificate_path: str | None = None
    private_key_path: str | None = None
    proxy_url: str | None = None
    tls_server_name: str | None = None

    @property
    def authorization(self) -> str | None:
        """The Authorization header, or None where a client certificate does the work."""
        return f"{self.scheme} {self.token.reveal()}" if self.token else None


@dataclass(frozen=True, slots=True)
class Pod:
    """The ServiceAccount of the pod that this process runs in."""

    directory: Path
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One or more kubeconfig files (as in $KUBECONFIG) and the context to use in them."""

    paths: str
    context: str | None


Source = Pod | Kubeconfig


def find_source(
    context: str | None, environ: Mapping[str, str], home: Path, directory: Path = SERVICE_ACCOUNT
) -> Source:
    """Choose where the configuration comes from.

    $KUBECONFIG or a named context is a wish and wins; then the pod; then ~/.kube/config. Raises
    NoCluster when there is none of them.
    """
    default = home / ".kube" / "config"
    if environ.get("KUBECONFIG"):
        return Kubeconfig(environ["KUBECONFIG"], context)
    if context is None and environ.get("KUBERNETES_SERVICE_HOST"):
        return Pod(directory, environ)
    if default.is_file():
        return Kubeconfig(str(default), context)
    raise NoCluster(
        f"no cluster\n"
        f"  $KUBECONFIG is not set, {default} does not exist, and this is no pod\n"
        f"  set KUBECONFIG, or start a local cluster with `ebbflow up`"
    )


async def read_source(source: Source) -> ConnectionInfo:
    """Read the configuration afresh, running an exec plugin where there is one.

    Raises NoCluster with the reason; the text never holds a credential.
    """
    configuration = Configuration()
    try:
        if isinstance(source, Pod):
            namespace = _load_pod(configuration, source)
        else:
            namespace = await _load_kubeconfig(configuration, source)
    except (ConfigException, OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise NoCluster(
            f"no cluster\n"
            f"  cannot use {_name(source)}: {_words(error)}\n"
            f"  correct it, or set KUBECONFIG to another file"
        ) from None
    return _info(configuration, namespace)


def _load_pod(configuration: Configuration, pod: Pod) -> str:
    _PodLoader(
        token_filename=str(pod.directory / "token"),
        cert_filename=str(pod.directory / "ca.crt"),
        environ=pod.environ,
    ).load_and_set(configuration)
    namespace = pod.directory / "namespace"
    return namespace.read_text().strip() if namespace.is_file() else "default"


async def _load_kubeconfig(configuration: Configuration, kubeconfig: Kubeconfig) -> str:
    merged = _Merger(kubeconfig.paths).config
    if merged is None:
        raise ConfigException("there is no such file")
    contexts = [getattr(one, "value", one)["name"] for one in merged.value.get("contexts") or ()]
    if kubeconfig.context is not None and kubeconfig.context not in contexts:
        listed = ", ".join(contexts) or "none"
        raise ConfigException(f"it has no context {kubeconfig.context}; those it has: {listed}")
    loader = _Loader(config_dict=merged, active_context=kubeconfig.context)
    await loader.load_and_set(configuration)
    chosen: dict[str, Any] = loader.current_context["context"]
    if not configuration.api_key and not configuration.cert_file and _has_plugin(merged, chosen):
        # The loader logs the plugin's failure and goes on as nobody.
        raise ConfigException("the exec plugin of the context's user gave no credentials")
    return str(chosen.get("namespace") or "default")


def _has_plugin(merged: Any, context: Mapping[str, Any]) -> bool:
    users = (getattr(user, "value", user) for user in merged.value.get("users") or ())
    return any(
        user.get("name") == context.get("user") and "exec" in (user.get("user") or {})
        for user in users
    )


def _name(source: Source) -> str:
    return "the pod's ServiceAccount" if isinstance(source, Pod) else source.paths


def _words(error: Exception) -> str:
    """The reason in one line. The loader names a broken entry by its whole content: cut it off."""
    if isinstance(error, yaml.YAMLError):
        return "it is not valid YAML"
    if isinstance(error, (KeyError, TypeError)):
        return "it is not a kubeconfig"
    return " ".join(str(error).split("{", 1)[0].split())[:200]


def _info(configuration: Configuration, namespace: str) -> ConnectionInfo:
    scheme, _, token = str(configuration.api_key.get("BearerToken", "")).strip().partition(" ")
    return ConnectionInfo(
        server=str(configuration.host).rstrip("/"),
        default_namespace=namespace,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme.capitalize() if token else None,
        token=Tainted(token.strip()) if token else None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
        tls_server_name=configuration.tls_server_name,
    )


class Connection:
    """The configuration as it is now, read again when a token is old or was refused."""

    def __init__(self, source: Source, info: ConnectionInfo) -> None:
        self.info = info
        self._source = source
        self._read_at = time.monotonic()
        self._renewing = asyncio.Lock()
        self._files: tuple[object, ...] = ()
        self._ssl: ssl.SSLContext | bool = True
        self._load_tls()

    @classmethod
    async def open(cls, source: Source) -> Connection:
        """Read the configuration for the first time; raises NoCluster."""
        return cls(source, await read_source(source))

    @property
    def tls(self) -> ssl.SSLContext | bool:
        """What aiohttp wants as `ssl`."""
        return self._ssl

    async def current(self) -> ConnectionInfo:
        """Return the configuration; a pod's token is read again once a minute."""
        age = time.monotonic() - self._read_at
        if isinstance(self._source, Pod) and age > TOKEN_LIFETIME:
            await self.renew(self.info)
        return self.info

    async def renew(self, refused: ConnectionInfo) -> bool:
        """Read the configuration again, unless that happened since `refused` was handed out.

        Returns whether there is something new to try.
        """
        async with self._renewing:
            if self.info is not refused:
                return True
            if time.monotonic() - self._read_at < RENEWAL_PAUSE:
                return False
            self._read_at = time.monotonic()
            try:
                fresh = await read_source(self._source)
            except NoCluster:
                return False  # the caller reports the 401 that brought it here
            changed = fresh != self.info
            self.info = fresh
            self._load_tls()
            return changed

    def _load_tls(self) -> None:
        info = self.info
        paths = (info.ca_path, info.certificate_path, info.private_key_path)
        files = (info.server, info.insecure, *map(_stamp, paths))
        if files == self._files or not info.server.startswith("https"):
            return
        context = ssl.create_default_context(cafile=info.ca_path)
        # From Python 3.13 on, the default refuses the CAs that many clusters have; Go does not.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if info.certificate_path:
            context.load_cert_chain(info.certificate_path, info.private_key_path)
        if info.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self._files, self._ssl = files, context


def _stamp(path: str | None) -> tuple[str, int, int] | None:
    if path is None:
        return None
    found = Path(path).stat()
    return (path, found.st_mtime_ns, found.st_size)
