"""`ebbflow operator`: every setting is a flag and an environment variable."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import platformdirs
from typing_extensions import override

from ebbflow.cli.durations import DurationType
from ebbflow.settings import Address, Settings, Shard

NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class AddressType(click.ParamType[Any]):
    """An address to listen on: host:port, or :port for all interfaces."""

    name = "host:port"

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        if isinstance(value, Address):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - TCP's last port
            self.fail(f"{value!r} is not host:port", param, ctx)
        return Address(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - as asked for


class NamespaceType(click.ParamType[Any]):
    """The name of a namespace, or several with commas between them."""

    name = "name"

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name for name in map(str.strip, str(value).split(",")) if name)
        for name in names:
            # A pattern would have to be matched with all namespaces, and those we may not list.
            if not NAMESPACE.fullmatch(name):
                self.fail(f"{name!r} is not the name of a namespace", param, ctx)
        return names


class ShardType(click.ParamType[Any]):
    """A shard: i/n with i from 0 to n-1."""

    name = "i/n"

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Shard:
        if isinstance(value, Shard):
            return value
        index, _, count = str(value).partition("/")
        if not (index.isdigit() and count.isdigit() and int(index) < int(count)):
            self.fail(f"{value!r} is not i/n with i from 0 to n-1", param, ctx)
        return Shard(int(index), int(count))


def default_identity() -> str:
    """Return the pod's name, or host name and a random part that no other process has."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}-{secrets.token_hex(4)}"


def setting(flag: str, **attributes: Any) -> Callable[[Any], Any]:
    """Make the click option of a setting, with its environment variable."""
    variable = "EBBFLOW_" + flag.lstrip("-").replace("-", "_").upper()
    attributes.setdefault("show_default", True)
    return click.option(flag, envvar=variable, show_envvar=True, **attributes)


@click.command()
@setting(
    "--namespace",
    type=NamespaceType(),
    multiple=True,
    help="Serve only this namespace; may be repeated, or hold several with commas. None: all.",
)
@setting("--poll-interval", type=DurationType(), default="1m", help="How often to ask Git servers.")
@setting(
    "--commit-window",
    type=DurationType("0s"),
    default="2s",
    help="Edits of an object that come within this time are one commit.",
)
@setting(
    "--default-service-account",
    default="default",
    help="The ServiceAccount that documents act as where none is named.",
)
@setting("--allow-insecure-http", is_flag=True, help="Allow http:// repositories, not only https.")
@setting(
    "--allowed-hosts",
    multiple=True,
    help="Hosts of Git servers, HTTP and Message nodes, as globs; commas separate several. None: any.",
)
@setting("--webhook-address", type=AddressType(), help="Where Git and keyed webhooks are received.")
@setting("--webhook-url", help="The address under which the webhook receiver is known outside.")
@setting(
    "--admission-address",
    type=AddressType(),
    show_default=":9443 in a pod, else a free port of 127.0.0.1",
    help="Where the webhook that records who edits is served; the API server must reach it.",
)
@setting(
    "--metrics-address",
    type=AddressType(),
    default="127.0.0.1:0",
    help="Where GET /metrics is answered; port 0 takes a free one.",
)
@setting(
    "--health-address",
    type=AddressType(),
    default="127.0.0.1:0",
    help="Where GET /healthz and /readyz are answered; port 0 takes a free one.",
)
@setting("--lease-duration", type=DurationType(), default="15s", help="How long a Lease holds.")
@setting(
    "--identity",
    default=default_identity,
    show_default="pod name, or host name and a random part",
    help="The name under which this process holds the Lease.",
)
@setting("--shard", type=ShardType(), default="0/1", help="Serve a part of the namespaces: i/n.")
@setting("--workers", type=click.IntRange(1, 256), default=16, help="Passes at a time.")
@setting(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: platformdirs.user_cache_path("ebbflow") / "git",
    show_default="the user's cache directory",
    help="Where caches of repositories are kept.",
)
@setting("--log-format", type=click.Choice(["text", "json"]), default="text", help="How to log.")
@setting(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="What to log.",
)
def operator(**flags: Any) -> None:
    """Run the operator in the foreground.

    It works on the cluster of the current kubeconfig, or as the pod's ServiceAccount, until it gets
    SIGTERM or SIGINT.
    """
    from ebbflow.wiring.start import main as run_operator  # noqa: PLC0415 - kopf and the client take a third of a second to load

    hosts = tuple(h.strip() for given in flags.pop("allowed_hosts") for h in given.split(","))
    namespaces = (name for given in flags.pop("namespace") for name in given)
    settings = Settings(
        namespaces=tuple(dict.fromkeys(namespaces)),
        allowed_hosts=tuple(h for h in hosts if h),
        **flags,
    )
    raise SystemExit(run_operator(settings))
