"""One case of the API: an object, and whether it is taken. The tables stand beside this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SECRET_REF = "put them into a Secret and name it in a GitAccount's spec.secretRef"
TOKEN = "looks like a token or a private key"
ADDRESS = "must be an address such as"
PLAINLY = "must name the repository plainly"
DURATION = "must be a duration: write it like"
BRANCH = "must be a branch name that git takes"
PREFIX = "must be the beginning of a branch name that git takes"
NAME = "must be the name of an object"


# What it is, its spec, the field that the refusal names, a part of the refusal.
Row = tuple[str, Any, str, str]


@dataclass(frozen=True)
class Case:
    """`where` is the field that the refusal must name, `says` a part of the server's words.

    Where a rule of ours speaks (`ours`), the model says the same.
    """

    id: str
    kind: str
    spec: Any
    where: str = ""
    says: str = ""
    ours: bool = True  # the words are of a rule of ours, not the server's own
    name: str = "case"
    extra: Json = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return not self.says

    @property
    def manifest(self) -> Json:
        body: Json = {
            "apiVersion": "ebbflow.dev/v1alpha1",
            "kind": self.kind,
            "metadata": {"name": self.name},
        }
        if self.spec is not ...:
            body["spec"] = self.spec
        return body | self.extra


CERTIFICATE = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN " + "OPENSSH PRIVATE KEY-----"
# Written in two parts, so that scanners do not take the table for a leak.
GITHUB_TOKEN = "gh" + "p_" + "0123456789abcdefghijABCDEFGHIJ123456"
GITHUB_FINE = "github" + "_pat_" + "11ABCDEFG0abcdefghijkl"
GITLAB_TOKEN = "glp" + "at-" + "abcdefghij1234567890"
SLACK_TOKEN = "xo" + "xb-" + "1234567890-abcdefghij"
AWS_KEY = "AK" + "IA" + "ABCDEFGHIJKLMNOP"


def addresses_refused() -> Iterator[tuple[str, str, str]]:
    for address in (
        "https://user:hunter2@github.com/acme/infra",
        "https://user@github.com/acme/infra",
        "https://:hunter2@github.com/acme/infra",
        "https://@github.com/acme/infra",
        "http://user:hunter2@git.acme.dev/infra",
        "HTTPS://user:hunter2@github.com/acme/infra",
        "ssh://git:hunter2@github.com/acme/infra",
        "https://a:b@c:d@github.com/acme/infra",
    ):
        yield "credentials", address, SECRET_REF
    for address in (
        "git@github.com:acme/infra.git",
        "file:///srv/git/infra",
        "github.com/acme/infra",
        "ftp://github.com/acme/infra",
        "https://github.com/acme/infra?ref=main",
        "https://github.com/acme/infra#main",
        "https://github.com/acme/in fra",
        "https://github.com/acme/infra\n",
        "https://github.com:port/infra",
        "https://user:hun/ter2@github.com/acme/infra",
        "https:///infra",
        "https://-github.com/infra",
        " https://github.com/acme/infra",
        "https://github.com\\@evil.example/infra",
    ):
        yield "no address", address, ADDRESS
    for address in (
        "https://github.com/acme/../evil/infra",
        "https://github.com/acme/%2e%2E/evil/infra",
        "https://github.com/acme/..",
        "https://github.com/acme/./infra",
        "https://github.com/acme%2fevil/infra",
        "https://github.com/acme/%252e%252e/evil",
        "https://github.com/acme/%00infra",
    ):
        yield "a detour", address, PLAINLY
    yield "a token in it", f"https://github.com/acme/{GITHUB_TOKEN}", TOKEN
