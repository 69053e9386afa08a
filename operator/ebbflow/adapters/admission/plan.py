"""Where the admission server listens, and how the API server finds it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ebbflow.adapters.kube.webhook import Endpoint, Service, Url
from ebbflow.api.base import GROUP
from ebbflow.settings import Address, Settings

PORT: Final = 9443
"""In a pod: of the container, and of the Service in front of it."""

SERVICE: Final = "ebbflow-admission"
"""The Service's name where the environment variable ADMISSION_SERVICE does not say another."""

_ANY: Final = ("0.0.0.0", "::")  # noqa: S104 - addresses to recognise, not to listen on


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the server listens and how the API server finds it.

    `hosts` are the names in the certificate; `endpoint` makes of the port where to send reviews.
    `serves` tells whose namespaces' edits are this operator's; `manager` is the field manager of
    its document writes.
    """

    name: str
    address: Address
    hosts: tuple[str, ...]
    endpoint: Callable[[int], Endpoint]
    namespaces: tuple[str, ...]
    serves: Callable[[str], bool]
    manager: str


def plan(
    settings: Settings,
    environ: Mapping[str, str],
    lease: str,
    serves: Callable[[str], bool],
    manager: str,
) -> Plan:
    """Return the plan: in a pod (POD_NAMESPACE is set) by Service, elsewhere by an address.

    Operators with different Leases have different names, and so do not undo each other's entry.
    """
    pod = environ.get("POD_NAMESPACE")
    name = f"{lease}.{pod or 'local'}.{GROUP}"
    if pod:
        service = environ.get("ADMISSION_SERVICE") or SERVICE
        address = settings.admission_address or Address(_ANY[0], PORT)
        host = f"{service}.{pod}.svc"
        found: Callable[[int], Endpoint] = lambda _: Service(pod, service, PORT)  # noqa: E731
    else:
        address = settings.admission_address or Address("127.0.0.1", 0)
        host = "127.0.0.1" if address.host in _ANY else address.host
        shown = f"[{host}]" if ":" in host else host
        found = lambda port: Url(f"https://{shown}:{port}")  # noqa: E731
    return Plan(name, address, (host,), found, settings.namespaces, serves, manager)
