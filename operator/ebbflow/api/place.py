"""Where things lie in Git: addresses, branches and paths, with what each may not hold.

Branches follow git-check-ref-format(1). Addresses follow RFC 3986, without what is never right
in the address of a repository: credentials, a query, a fragment, steps out of the path.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ebbflow.api.text import NO_TOKEN, Refuse, Require

CREDENTIALS_IN_URL = Refuse(
    r"^[hH][tT][tT][pP][sS]?:[/\\]*[^/?#\\]*@|^[A-Za-z][A-Za-z0-9+.-]*:[/\\]*[^/?#@\\]*:[^/?#]*@",
    "must not hold a user or password: put them into a Secret and name it in a GitAccount's spec.secretRef",
    "FieldValueForbidden",
)

_USER = r"(?:[^/?#@\\\x00-\x20\x7f]*@)?"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_REST = r"[^?#\\\x00-\x20\x7f]*"

_NO_STEPS = Refuse(
    r"/(?:\.|%2[eE]){1,2}(?:/|$)|%(?:2[fF]|5[cC]|25|[01][0-9A-Fa-f])",
    "must name the repository plainly: without . or .. as a part of the path, and without an encoded slash",
    "FieldValueForbidden",
)

RepositoryAddress = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    CREDENTIALS_IN_URL,
    Require(
        rf"(?:https?|ssh)://{_USER}{_HOST}/[^/?#\\\x00-\x20\x7f]{_REST}",
        "must be an address such as https://github.com/acme/infra or ssh://git@github.com/acme/infra: https, http or ssh, a host, a path, and no ? or #",
        "FieldValueForbidden",
    ),
    _NO_STEPS,
    NO_TOKEN,
]
ServerAddress = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    CREDENTIALS_IN_URL,
    Require(
        rf"(?:https?|ssh)://{_USER}{_HOST}(?:/{_REST})?",
        "must be an address such as https://git.acme.dev: https, http or ssh, a host, and no ? or #",
        "FieldValueForbidden",
    ),
    _NO_STEPS,
    NO_TOKEN,
]

_REF_CHARACTERS = r"[^\x00-\x20\x7f~^:?*\[\\]"

BranchName = Annotated[
    str,
    Field(min_length=1, max_length=255),
    Require(
        rf"{_REF_CHARACTERS}+",
        r"must be a branch name that git takes: no space, no control character and none of \ ~ ^ : ? * [",
    ),
    Refuse(
        r"^[-/]|^refs/|^@$|(?:^|/)\.|\.\.|//|@\{|\.lock(?:/|$)|[/.]$",
        "must be a branch name that git takes, without refs/heads/: it may not begin with - or /, end with / or ., hold .. or // or @{, nor have a part that begins with . or ends with .lock",
    ),
    NO_TOKEN,
]
BranchPrefix = Annotated[
    str,
    Field(min_length=1, max_length=128),
    Require(
        rf"{_REF_CHARACTERS}+",
        r"must be the beginning of a branch name that git takes: no space, no control character and none of \ ~ ^ : ? * [",
    ),
    Refuse(
        r"^[-/]|^refs/|(?:^|/)\.|\.\.|//|@\{|\.lock/",
        "must be the beginning of a branch name that git takes, without refs/heads/: it may not begin with - or /, hold .. or // or @{, nor have a part that begins with . or ends with .lock",
    ),
    NO_TOKEN,
]
_GLOB = Require(
    r"[^\x00-\x20\x7f~^:?\[\\]+",
    r"must be a name that git takes, in which * stands for any characters: no space, no control character and none of \ ~ ^ : ? [",
)
_NO_FULL_REF = Refuse(
    r"^[-/]|^refs/|//|\.\.|/$",
    "must be a name without refs/heads/ or refs/tags/ before it: it may not begin with - or /, end with /, nor hold // or ..",
)
RefGlob = Annotated[str, Field(min_length=1, max_length=255), _GLOB, _NO_FULL_REF, NO_TOKEN]
FilePath = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    # What a path may be made of is for the operator to say, in a condition (see domain.addresses):
    # an object that was stored with a wrong path must be able to tell why it is not synced.
    NO_TOKEN,
]
