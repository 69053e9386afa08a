"""Files in a document, in Northflank's words: the content of each by the path that it is wanted at."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from pydantic import Field

from ebbflow.domain.secret import Tainted
from ebbflow.services.nodes.kind import CannotDo
from ebbflow.services.nodes.spec import NodeSpec, SecretText

_UNFIT: Final = re.compile(r"[^-._a-zA-Z0-9]+")


class FileContent(NodeSpec):
    """One file."""

    data: SecretText = Field(description="The content, in base64.")
    encoding: str = Field(
        default="utf-8", max_length=32, description="What the content is: for people."
    )

    def content(self, field: str, path: str) -> bytes:
        """Return the bytes; raises CannotDo if it is not base64. `field` has the file, at `path`."""
        text = self.data.reveal() if isinstance(self.data, Tainted) else self.data
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise CannotDo(f"{field}: the data of {path} is not base64") from None

    def encoded(self, field: str, path: str) -> Tainted:
        """Return the content as a Secret's `data` has it; raises as `content`."""
        sources = self.data.sources if isinstance(self.data, Tainted) else frozenset[str]()
        return Tainted(base64.b64encode(self.content(field, path)).decode(), sources)


def key_of(text: str) -> str:
    """Return the key under which a thing of this name is kept: /etc/app/ca.pem is etc_app_ca.pem."""
    return _UNFIT.sub("_", text.strip("/"))[:253]
