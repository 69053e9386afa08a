"""Requests to the API server as its administrator, with the standard library alone."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from typing import Any, Final

from ebbflow.devcluster.certificates import Certificates
from ebbflow.devcluster.command_lines import Ports


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answered; status 0 means that there was no answer."""

    status: int
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return 200 <= self.status < 300  # noqa: PLR2004 - what a status of HTTP means

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class AdminClient:
    """One request a connection: what a restarted server forgets is never in the way."""

    def __init__(self, ports: Ports, certificates: Certificates) -> None:
        self._ports: Final = ports
        self._tls: Final = ssl.create_default_context(
            cafile=str(certificates.authority.certificate)
        )
        self._tls.load_cert_chain(certificates.admin.certificate, certificates.admin.key)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout: float = 10.0,
    ) -> Answer:
        """Send one request; `body` is sent as JSON. No answer within `timeout` seconds: status 0."""
        headers = {"Accept": "application/json"}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        connection = HTTPSConnection(
            self._ports.address, self._ports.api, timeout=timeout, context=self._tls
        )
        try:
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except (OSError, HTTPException):
            return Answer(0)
        finally:
            connection.close()
