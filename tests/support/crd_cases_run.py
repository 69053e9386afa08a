"""What a Run may be, and what may become of one that is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.crd_case import GITHUB_TOKEN, GITLAB_TOKEN, NAME, SLACK_TOKEN, TOKEN, Json, Row

NODE = "must be the path of a node"
UNCHANGED = "a Run cannot be changed once it is made"
STAYS_CANCELLED = "a Run that was cancelled stays cancelled"
ONLY_ADDED = "approvals can only be added"
STAYS_SAID = "what was said about a node stays said"


def run(**fields: Any) -> Json:
    return {"source": {"kind": "Template", "name": "shop"}, **fields}


def approval(node: str = "0.2", user: str = "ada@acme.dev", **fields: Any) -> Json:
    return {"node": node, "user": user, "decision": "Approve", **fields}


def accepted() -> Iterator[tuple[str, Any]]:
    yield "the least", run()
    for kind in ("Template", "ReleaseFlow", "PreviewBlueprint", "Preview"):
        yield f"a source of kind {kind}", run(source={"kind": kind, "name": "shop.eu"})
    for value in ("3", "", 3, 1.5, True, None, [], {}, {"a": [None, {"b": 1}]}):
        yield f"an argument {value!r}", run(arguments={"A": value, "b c": "${fn.date()}"})
    source = {"secretKeyRef": {"name": "shop", "key": "apiKey"}}
    yield "an argument from a Secret", run(argumentsFrom=[{"name": "A", "valueFrom": source}])
    many = [{"name": f"a{n}", "valueFrom": source} for n in range(64)]
    yield "64 arguments from Secrets", run(argumentsFrom=many)
    yield "a dry run", run(dryRun=True, cancel=False)
    yield "cancelled from the start", run(cancel=True)
    yield "a retry", run(retryOf="shop-aaaaaaaaaaa", reason="1.8.2 hotfix\nwith two lines\t.")
    yield "a rollback", run(rollbackTo="shop-aaaaaaaaaaa")
    yield "a null stands for absent", run(retryOf=None, rollbackTo=None, arguments=None)
    for node in ("0", "0.2", "10.0.3", "0.2[3].1", "0[0]", "teardown.0.1", "1[999999].99999"):
        yield f"an approval of node {node}", run(approvals=[approval(node, message="fine")])
    two = [approval(user="ada"), approval(user="bob", decision="Reject"), approval("1", "ada")]
    yield "people and nodes", run(approvals=two)
    yield "a ServiceAccount", run(approvals=[approval(user="system:serviceaccount:a:b")])
    longest = [approval("0" + ".1" * 127, f"{n:0256}", message="m" * 1024) for n in range(64)]
    yield "64 long approvals", run(approvals=longest)


def refused() -> Iterator[Row]:
    """Rows that a rule of ours refuses."""
    for name in ("Shop", "shop/x", "-shop", "a_b"):
        yield (
            f"source {name!r}",
            run(source={"kind": "Template", "name": name}),
            "spec.source.name",
            NAME,
        )
        yield f"retryOf {name!r}", run(retryOf=name), "spec.retryOf", NAME
    one = "give at most one of retryOf and rollbackTo"
    yield "a retry and a rollback", run(retryOf="a", rollbackTo="b"), "spec", one
    where = "spec.approvals[0].node"
    for node in ("a", "0.", ".0", "0..1", "0[x]", "0[1", "0[1][2]", "0 1", "0.2\n", "-1", "teardown", "teardown.", "123456"):  # fmt: skip
        yield f"node {node!r}", run(approvals=[approval(node)]), where, NODE
    where = "spec.approvals[0].user"
    yield "a user in two lines", run(approvals=[approval(user="a\nb")]), where, "must be one line"
    yield "a token as user", run(approvals=[approval(user=SLACK_TOKEN)]), where, TOKEN
    where = "spec.approvals[0].message"
    said = run(approvals=[approval(message=f"x {GITHUB_TOKEN}")])
    yield "a token in a message", said, where, TOKEN
    said = run(approvals=[approval(message="a\x00b")])
    yield "a NUL in a message", said, where, "must hold no control characters"
    yield "a token as reason", run(reason=GITLAB_TOKEN), "spec.reason", TOKEN
    yield "a bell in a reason", run(reason="a\x07"), "spec.reason", "must hold no control"
    entry = {"name": "a\nb", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    where = "spec.argumentsFrom[0].name"
    yield "an argument in two lines", run(argumentsFrom=[entry]), where, "must be one line"
    where = "spec.argumentsFrom[0].valueFrom"
    says = "give exactly one of secretKeyRef"
    yield "no value", run(argumentsFrom=[{"name": "A", "valueFrom": {}}]), where, says
    source = {"secretKeyRef": {"name": "a", "key": "a/b"}}
    where = f"{where}.secretKeyRef.key"
    wrong = run(argumentsFrom=[{"name": "A", "valueFrom": source}])
    yield "a key with a slash", wrong, where, "must be a key"


def refused_by_schema() -> Iterator[Row]:
    """Rows that the types and bounds refuse."""
    yield "no spec", ..., "spec", "Required value"
    yield "no source", {}, "spec.source", "Required value"
    yield "no name", {"source": {"kind": "Template"}}, "spec.source.name", "Required value"
    other = {"kind": "Pipeline", "name": "a"}
    yield "a source of another kind", {"source": other}, "spec.source.kind", "Unsupported value"
    yield "arguments as a list", run(arguments=[]), "spec.arguments", "must be of type object"
    yield "dryRun a text", run(dryRun="true"), "spec.dryRun", "must be of type boolean"
    yield "cancel a number", run(cancel=1), "spec.cancel", "must be of type boolean"
    yield "a long reason", run(reason="a" * 1025), "spec.reason", "Too long"
    where = "spec.argumentsFrom"
    source = {"secretKeyRef": {"name": "shop", "key": "apiKey"}}
    yield "no valueFrom", run(argumentsFrom=[{"name": "A"}]), f"{where}[0]", "Required value"
    twice = [{"name": "A", "valueFrom": source}] * 2
    yield "an argument twice", run(argumentsFrom=twice), where, "Duplicate value"
    many = [{"name": f"a{n}", "valueFrom": source} for n in range(65)]
    yield "65 arguments from Secrets", run(argumentsFrom=many), where, "at most 64"
    yield from _approvals_refused_by_schema()


def _approvals_refused_by_schema() -> Iterator[Row]:
    where = "spec.approvals"
    yield "one person twice", run(approvals=[approval(), approval()]), where, "Duplicate value"
    contrary = [approval(), approval(decision="Reject")]
    yield "one person both ways", run(approvals=contrary), where, "Duplicate value"
    many = [approval(user=f"u{n}") for n in range(65)]
    yield "65 approvals", run(approvals=many), where, "at most 64"
    other = [approval(decision="Maybe")]
    yield "another decision", run(approvals=other), f"{where}[0].decision", "Unsupported value"
    yield "a long user", run(approvals=[approval(user="u" * 257)]), f"{where}[0].user", "Too long"
    long = [approval("0" + ".1" * 128)]
    yield "a long path", run(approvals=long), f"{where}[0].node", "Too long"
    long = [approval(message="m" * 1025)]
    yield "a long message", run(approvals=long), f"{where}[0].message", "Too long"
    for key in ("node", "user", "decision"):
        rest = {k: v for k, v in approval().items() if k != key}
        yield f"an approval without {key}", run(approvals=[rest]), f"{where}[0].{key}", "Required"


@dataclass(frozen=True)
class Change:
    """An update of a spec: taken, or refused with words of ours."""

    id: str
    before: Json
    after: Json
    says: str = ""


_FULL = run(
    arguments={"A": "1", "B": {"c": [1, 2]}},
    argumentsFrom=[{"name": "C", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
    dryRun=True,
    retryOf="shop-1",
    reason="because",
    approvals=[approval()],
)


def _without(*keys: str) -> Json:
    return {key: value for key, value in _FULL.items() if key not in keys}


CHANGES: tuple[Change, ...] = (
    Change("nothing", _FULL, _FULL),
    Change("cancelled", _FULL, _FULL | {"cancel": True}),
    Change("cancelled still", run(cancel=True), run(cancel=True)),
    Change("not cancelled, said aloud", run(), run(cancel=False)),
    Change("cancelled no longer", run(cancel=True), run(cancel=False), STAYS_CANCELLED),
    Change("cancel left out", run(cancel=True), run(), STAYS_CANCELLED),
    Change("a first approval", run(), run(approvals=[approval()])),
    Change("another approval", _FULL, _FULL | {"approvals": [approval(), approval("1")]}),
    Change("in another order", _FULL, _FULL | {"approvals": [approval(user="bob"), approval()]}),
    Change("approvals left out", _FULL, _without("approvals"), ONLY_ADDED),
    Change("no approvals", _FULL, _FULL | {"approvals": []}, ONLY_ADDED),
    Change("one for another", _FULL, _FULL | {"approvals": [approval(user="bob")]}, ONLY_ADDED),
    Change("of another node", _FULL, _FULL | {"approvals": [approval("1")]}, ONLY_ADDED),
    Change("no longer", _FULL, _FULL | {"approvals": [approval(decision="Reject")]}, STAYS_SAID),
    Change("more words", _FULL, _FULL | {"approvals": [approval(message="hm")]}, STAYS_SAID),
    *(
        Change(f"{key} left out", _FULL, _without(key), UNCHANGED)
        for key in ("arguments", "argumentsFrom", "dryRun", "retryOf", "reason")
    ),
    *(
        Change(f"{key} changed", _FULL, _FULL | {key: value}, UNCHANGED)
        for key, value in (
            ("source", {"kind": "Template", "name": "other"}),
            ("source", {"kind": "ReleaseFlow", "name": "shop"}),
            ("dryRun", False),
            ("retryOf", "shop-2"),
            ("reason", "because!"),
            ("argumentsFrom", []),
        )
    ),
    *(
        Change(f"arguments {value}", _FULL, _FULL | {"arguments": value}, UNCHANGED)
        for value in (
            {"A": "2", "B": {"c": [1, 2]}},
            {"A": "1", "B": {"c": [1, 3]}},
            {"A": "1", "B": {"c": [1, 2]}, "D": 1},
            {"A": "1"},
            {},
        )
    ),
    Change("arguments added", run(), run(arguments={"A": 1}), UNCHANGED),
    Change("rollbackTo added", run(), run(rollbackTo="shop-1"), UNCHANGED),
    Change("rollbackTo removed", run(rollbackTo="shop-1"), run(), UNCHANGED),
)
"""What may become of a Run. Not held against the models, which see one object at a time."""
