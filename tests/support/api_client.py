"""Quick requests to the API server: one keep-alive connection a thread, JSON in and out."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

ANSWER_SECONDS = 30.0
USER_AGENT = "ebbflow-tests"


class ApiError(RuntimeError):
    """The API server refused; `code` is the HTTP status and the text is its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Identity:
    """Where the API server is, and what proves who we are."""

    server: str
    tls: ssl.SSLContext | None
    headers: dict[str, str]


class ApiClient:
    """A client for the first user of a kubeconfig whose data is inline; use it from any thread."""

    def __init__(self, kubeconfig: Path, user_agent: str = USER_AGENT) -> None:
        self._identity = _read_identity(kubeconfig)
        self._headers = {
            **self._identity.headers,
            "User-Agent": user_agent,
            "Accept": "application/json",
        }
        self._local = threading.local()

    def raw(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Send one request, the body as JSON; the status and the bytes of the answer.

        A request whose connection breaks is sent once more, even if it may have arrived.
        Raises OSError if there is no API server.
        """
        address = f"{path}?{urlencode(query)}" if query else path
        payload = None if body is None else json.dumps(body).encode()
        sent = {**self._headers, "Content-Type": content_type, **(headers or {})}
        try:
            return self._send(method, address, payload, sent)
        except (OSError, HTTPException):
            # The kept connection may be one of an API server that was restarted since.
            self._forget()
            return self._send(method, address, payload, sent)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Like `raw`, but returns the object; raises ApiError for a status of 400 or more."""
        status, data = self.raw(
            method, path, body, content_type=content_type, query=query, headers=headers
        )
        if status >= 400:
            raise ApiError(status, _message(data))
        answer: dict[str, Any] = json.loads(data)
        return answer

    def get(self, path: str) -> bytes:
        """Read a path; raises ApiError for a status of 400 or more."""
        status, data = self.raw("GET", path)
        if status >= 400:
            raise ApiError(status, _message(data))
        return data

    def _send(
        self, method: str, address: str, payload: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        connection = self._connection()
        connection.request(method, address, payload, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _connection(self) -> HTTPConnection:
        kept: HTTPConnection | None = getattr(self._local, "connection", None)
        if kept is None:
            where = urlsplit(self._identity.server).netloc
            tls = self._identity.tls
            if tls is None:
                kept = HTTPConnection(where, timeout=ANSWER_SECONDS)
            else:
                kept = HTTPSConnection(where, timeout=ANSWER_SECONDS, context=tls)
            self._local.connection = kept
        return kept

    def _forget(self) -> None:
        self._connection().close()
        del self._local.connection


def _read_identity(kubeconfig: Path) -> Identity:
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    if not cluster["server"].startswith("https://"):
        return Identity(cluster["server"], None, headers)
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    tls = ssl.create_default_context(cadata=authority)
    if "client-certificate-data" in user:
        _load_pair(tls, user["client-certificate-data"], user["client-key-data"])
    return Identity(cluster["server"], tls, headers)


def _load_pair(tls: ssl.SSLContext, certificate: str, key: str) -> None:
    # Python's ssl reads a client's certificate from files only.
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(base64.b64decode(certificate) + b"\n" + base64.b64decode(key))
        file.flush()
        tls.load_cert_chain(file.name)


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace")
