"""What a Template may be, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.crd_case import (
    ADDRESS,
    AWS_KEY,
    BRANCH,
    DURATION,
    GITHUB_FINE,
    GITHUB_TOKEN,
    GITLAB_TOKEN,
    NAME,
    PREFIX,
    PRIVATE_KEY,
    SLACK_TOKEN,
    TOKEN,
    Json,
    Row,
    addresses_refused,
)

GIT: Json = {
    "repository": "https://github.com/acme/infra",
    "branch": "main",
    "path": "templates/shop.yaml",
}


def git(**changes: Any) -> Json:
    return {"git": {**GIT, **changes}}


def override(**fields: Any) -> Json:
    return {"argumentOverrides": [{"name": "REPLICAS", **fields}]}


def accepted() -> Iterator[tuple[str, Any]]:
    yield "no spec", ...
    yield "an empty spec", {}
    yield "a null stands for absent", {"git": None, "suspend": None, "queueLimit": None}
    yield "an unknown field", {"colour": "blue", **git(depth=3)}
    yield "a file in Git", git()
    for repository in (
        "ssh://git@github.com/acme/infra",
        "ssh://git@git.acme.dev:2222/acme/infra.git",
        "ssh://git.acme.dev/~team/infra",
        "http://git.acme.svc.cluster.local:8080/infra",
        "https://git.acme.dev/group/sub-group/infra.git",
        "https://git.acme.dev/releases/v1@2",
        "https://[2001:db8::1]:8443/infra",
        "https://127.0.0.1:3000/a",
        "https://dev.azure.com/acme/my%20project/_git/infra",
        "https://github.com/acme/..hidden",
        "https://github.com/" + "a" * (2048 - 19),
    ):
        yield f"repository {repository[:60]}", git(repository=repository)
    for branch in ("feature/shop", "release-1.2", "grün", "user@laptop", "a-", "@a", "x" * 255):
        yield f"branch {branch[:20]}", git(branch=branch)
    # What a path may be made of is said in a condition, not at the door.
    for path in (
        *("/shop.yaml", "shop", "a b/ünï/shop.json", "..a/b..", ".github/x.yml", "p" * 1024),
        *("../x.yaml", "a/../x.yaml", "./x.yaml", "a//b", "a/", "/", "..", ".git/config", "a\\b"),
    ):
        yield f"path {path[:20]}", git(path=path)
    yield "an account of another namespace", git(accountRef={"name": "acme", "namespace": "plat"})
    for interval in ("1s", "1000ms", "1m30s", "0.5m", "1h", "1000000µs", "99999h", "999999999s"):
        yield f"interval {interval}", {"interval": interval}
    for timeout in ("500ms", "0s", "1ns", "1.5h"):
        yield f"timeout {timeout}", {"timeout": timeout}
    yield (
        "a sync to the letter",
        {
            "sync": {
                "direction": "FromGit",
                "onConflict": "PullRequest",
                "pullRequests": {"always": True, "branchPrefix": "ebbflow/edits-"},
                "commitMessage": "Update {name}\n\nBecause of {namespace}.",
            }
        },
    )
    yield "an empty document", {"document": {}}
    yield "any document", {"document": {"a": None, "b": [1, {"c": [True, None, "x", 1.5]}]}}
    for value in ("3", "", 3, 0, 1.5, True, None, [], {}, {"a": [None, {"b": 1}]}):
        yield f"override {value!r}", override(value=value)
    yield "an override beside a null", override(value=1, valueFrom=None)
    secret = {"secretKeyRef": {"name": "shop", "key": "apiKey"}}
    yield "an override from a Secret", override(valueFrom=secret)
    yield (
        "an override from a ConfigMap",
        override(valueFrom={"configMapKeyRef": {"name": "shop.eu", "key": "_a.B-1"}}),
    )
    yield (
        "256 overrides",
        {"argumentOverrides": [{"name": f"a{n}", "value": n} for n in range(256)]},
    )
    yield (
        "the largest numbers",
        {
            "queueLimit": 1000,
            "history": {"succeeded": 1000, "failed": 0},
        },
    )
    yield (
        "all the rest",
        {
            "runOnUpdate": True,
            "concurrencyPolicy": "Latest",
            "queueLimit": 1,
            "prune": True,
            "deletionPolicy": "Delete",
            "serviceAccountName": "shop-deployer",
            "suspend": True,
        },
    )


def _places_refused() -> Iterator[Row]:
    for what, address, says in addresses_refused():
        yield f"{what}: {address!r}", git(repository=address), "spec.git.repository", says
    yield "no path in the address", git(repository="https://a.dev"), "spec.git.repository", ADDRESS
    yield "no path after it", git(repository="https://a.dev/"), "spec.git.repository", ADDRESS
    for branch in (
        "-main", "my branch", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a\nb", "main\n",
        "a\x7fb", "/main", "main/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "@", "a@{1}",
        "refs/heads/main",
    ):  # fmt: skip
        yield f"branch {branch!r}", git(branch=branch), "spec.git.branch", BRANCH


def _durations_refused() -> Iterator[Row]:
    for interval in ("1", "1 s", "-1s", "1d", "", "1s ", "1s\n", "s", "1.s", ".5s", "9999999h"):
        yield f"interval {interval!r}", {"interval": interval}, "spec.interval", DURATION
    for interval in ("0s", "999ms", "0.999999999s", "999999999ns"):
        yield f"interval {interval!r}", {"interval": interval}, "spec.interval", "at least 1s"
    yield "timeout of a year", {"timeout": "1y"}, "spec.timeout", DURATION


def _references_refused() -> Iterator[Row]:
    for account in ("Acme", "-acme", "acme-", "a..b", "a/b", "acme\n", "a_b"):
        where = "spec.git.accountRef.name"
        yield f"account {account!r}", git(accountRef={"name": account}), where, NAME
    yield (
        "an account's namespace with a dot",
        git(accountRef={"name": "a", "namespace": "a.b"}),
        "spec.git.accountRef.namespace",
        "must be the name of a namespace",
    )


def _texts_refused() -> Iterator[Row]:
    sync = "spec.sync.commitMessage"
    for message in (" ", "\n", "a\x00b", "a\rb", "a\x1b[31m"):
        yield f"message {message!r}", {"sync": {"commitMessage": message}}, sync, "must hold text"
    for token in (GITHUB_TOKEN, GITHUB_FINE, GITLAB_TOKEN, SLACK_TOKEN, AWS_KEY, PRIVATE_KEY):
        yield (
            f"token {token[:7]} in a message",
            {"sync": {"commitMessage": f"x {token}"}},
            sync,
            TOKEN,
        )
    yield "token in a path", git(path=f"a/{GITLAB_TOKEN}"), "spec.git.path", TOKEN
    yield "token in a branch", git(branch=GITHUB_FINE), "spec.git.branch", TOKEN
    yield (
        "an argument's name in two lines",
        {"argumentOverrides": [{"name": "a\nb", "value": 1}]},
        "spec.argumentOverrides[0].name",
        "must be one line",
    )
    yield (
        "token as an argument's name",
        {"argumentOverrides": [{"name": SLACK_TOKEN, "value": 1}]},
        "spec.argumentOverrides[0].name",
        TOKEN,
    )
    prefix = "spec.sync.pullRequests.branchPrefix"
    for bad in ("/a", "a b", "-x", "refs/heads/x", "a..b", "a.lock/"):
        yield (
            f"prefix {bad!r}",
            {"sync": {"pullRequests": {"branchPrefix": bad}}},
            prefix,
            PREFIX,
        )


def _overrides_refused() -> Iterator[Row]:
    one = "spec.argumentOverrides[0]"
    both = {"value": 1, "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    yield "value and valueFrom", override(**both), one, "give exactly one of value and valueFrom"
    yield (
        "null and valueFrom",
        override(**both | {"value": None}),
        one,
        "give exactly one of value and valueFrom",
    )
    source = "spec.argumentOverrides[0].valueFrom"
    yield "an empty valueFrom", override(valueFrom={}), source, "give exactly one of secretKeyRef"
    two = {"secretKeyRef": {"name": "a", "key": "b"}, "configMapKeyRef": {"name": "a", "key": "b"}}
    yield "two sources", override(valueFrom=two), source, "give exactly one of secretKeyRef"
    yield (
        "a key with a slash",
        override(valueFrom={"secretKeyRef": {"name": "a", "key": "a/b"}}),
        f"{source}.secretKeyRef.key",
        "must be a key",
    )


def _places_refused_by_schema() -> Iterator[Row]:
    for key in ("repository", "branch", "path"):
        rest = {k: v for k, v in GIT.items() if k != key}
        yield f"no {key}", {"git": rest}, f"spec.git.{key}", "Required value"
        yield f"{key} null", git(**{key: None}), f"spec.git.{key}", "Required value"
        yield f"{key} empty", git(**{key: ""}), f"spec.git.{key}", "at least 1 char"
        yield f"{key} a number", git(**{key: 7}), f"spec.git.{key}", "must be of type string"
    for key, length in (("branch", 255), ("path", 1024)):
        yield f"long {key}", git(**{key: "x" * (length + 1)}), f"spec.git.{key}", "Too long"
    address = "https://github.com/" + "a" * (2049 - 19)
    yield "long repository", git(repository=address), "spec.git.repository", "Too long"
    yield "long interval", {"interval": "1s" * 17}, "spec.interval", "Too long"
    yield "interval a number", {"interval": 60}, "spec.interval", "must be of type string"
    yield "spec a text", "x", "spec", "must be of type object"
    yield "document a text", {"document": "a: b"}, "spec.document", "must be of type object"
    yield "document a list", {"document": []}, "spec.document", "must be of type object"


def _values_refused_by_schema() -> Iterator[Row]:
    for key in ("direction", "onConflict"):
        yield f"{key} unknown", {"sync": {key: "both"}}, f"spec.sync.{key}", "Unsupported value"
    yield "policy unknown", {"deletionPolicy": "Keep"}, "spec.deletionPolicy", "Unsupported value"
    yield "concurrency unknown", {"concurrencyPolicy": ""}, "spec.concurrencyPolicy", "Unsupported"
    for flag in ("true", 1, "yes"):
        yield f"suspend {flag!r}", {"suspend": flag}, "spec.suspend", "must be of type boolean"
    yield "prune a text", {"prune": "false"}, "spec.prune", "must be of type boolean"
    for key, low, high in (("queueLimit", 0, 1001),):
        yield f"{key} low", {key: low}, f"spec.{key}", "greater than or equal to 1"
        yield f"{key} high", {key: high}, f"spec.{key}", "less than or equal to 1000"
    yield "queueLimit a text", {"queueLimit": "20"}, "spec.queueLimit", "must be of type integer"
    yield "queueLimit half", {"queueLimit": 1.5}, "spec.queueLimit", "must be of type integer"
    for key in ("succeeded", "failed"):
        where = f"spec.history.{key}"
        yield f"history {key} low", {"history": {key: -1}}, where, "greater than or equal to 0"
        yield f"history {key} high", {"history": {key: 1001}}, where, "less than or equal to 1000"


def _overrides_refused_by_schema() -> Iterator[Row]:
    one = "spec.argumentOverrides[0]"
    yield "neither value nor valueFrom", override(), one, f"{one}.value: Required value"
    yield "an override without a name", {"argumentOverrides": [{"value": 1}]}, one, "Required value"
    yield "an override that is text", {"argumentOverrides": ["a=b"]}, one, "must be of type object"
    twice = [{"name": "a", "value": 1}, {"name": "a", "value": 2}]
    yield "a name twice", {"argumentOverrides": twice}, "spec.argumentOverrides", "Duplicate value"
    many = [{"name": f"a{n}", "value": n} for n in range(257)]
    yield "257 overrides", {"argumentOverrides": many}, "spec.argumentOverrides", "at most 256"


def refused() -> Iterator[Row]:
    """Rows that a rule of ours refuses."""
    yield from _places_refused()
    yield from _durations_refused()
    yield from _references_refused()
    yield from _texts_refused()
    yield from _overrides_refused()


def refused_by_schema() -> Iterator[Row]:
    """Rows that the types and bounds refuse."""
    yield from _places_refused_by_schema()
    yield from _values_refused_by_schema()
    yield from _overrides_refused_by_schema()
