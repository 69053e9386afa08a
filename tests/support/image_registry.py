"""A registry of container images, as far as builders push to it and containerd pulls from it.

Source of the requests: https://github.com/opencontainers/distribution-spec, v1.1, "Push" (a blob in
one POST, then the manifest) and "Pull".
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

BINARY = "application/octet-stream"
UPLOAD = re.compile(r"/v2/(.+)/blobs/uploads/\?digest=(sha256:[0-9a-f]{64})")
BLOB = re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})")
MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)")


@dataclass(frozen=True)
class Content:
    """Something that was pushed: its media type, and its bytes."""

    kind: str
    data: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"


@dataclass
class ImageRegistry:
    """Where it listens and what it holds: manifests by image and tag or digest, blobs by image and
    digest. `pulled` are the digests of the manifests that were asked for.
    """

    port: int = 0
    manifests: dict[tuple[str, str], Content] = field(default_factory=dict)
    blobs: dict[tuple[str, str], Content] = field(default_factory=dict)
    pulled: list[str] = field(default_factory=list)

    def found(self, path: str) -> Content | None:
        """Return what a path names, if it was pushed."""
        if (blob := BLOB.fullmatch(path)) is not None:
            return self.blobs.get((blob[1], blob[2]))
        if (manifest := MANIFEST.fullmatch(path)) is not None:
            return self.manifests.get((manifest[1], manifest[2]))
        return Content("application/json", b"{}") if path == "/v2/" else None

    def take(self, path: str, pushed: Content) -> HTTPStatus:
        """Keep what was pushed to a path; a blob only if it is the one that it is said to be."""
        if (upload := UPLOAD.fullmatch(path)) is not None:
            if upload[2] != pushed.digest:
                return HTTPStatus.BAD_REQUEST
            self.blobs[upload[1], upload[2]] = pushed
            return HTTPStatus.CREATED
        if (manifest := MANIFEST.fullmatch(path)) is not None:
            for reference in (manifest[2], pushed.digest):
                self.manifests[manifest[1], reference] = pushed
            return HTTPStatus.CREATED
        return HTTPStatus.NOT_FOUND


class _Handler(BaseHTTPRequestHandler):
    registry: ImageRegistry

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_POST(self) -> None:
        self._take()

    def do_PUT(self) -> None:
        self._take()

    def _answer(self, *, with_body: bool) -> None:
        content = self.registry.found(self.path)
        self.send_response(HTTPStatus.NOT_FOUND if content is None else HTTPStatus.OK)
        if content is not None:
            if MANIFEST.fullmatch(self.path):
                self.registry.pulled.append(content.digest)
            self.send_header("Content-Type", content.kind)
            self.send_header("Docker-Content-Digest", content.digest)
        self.send_header("Content-Length", str(len(content.data) if content else 0))
        self.end_headers()
        if with_body and content is not None:
            self.wfile.write(content.data)

    def _take(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers.get("Content-Type", BINARY)
        self.send_response(self.registry.take(self.path, Content(kind, data)))
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def image_registry(address: str) -> Iterator[ImageRegistry]:
    """Yield a registry that listens on an address of this machine; it ends with the block."""
    registry = ImageRegistry()
    handler = type("Keeping", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer((address, 0), handler) as server:
        registry.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield registry
        server.shutdown()
