"""What a GitTrigger may be, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.crd_case import (
    DURATION,
    GITHUB_TOKEN,
    GITLAB_TOKEN,
    NAME,
    TOKEN,
    Json,
    Row,
    addresses_refused,
)

GIT: Json = {"repository": "https://github.com/acme/shop"}
TARGETS: Json = {"targets": [{"kind": "Template", "name": "shop"}]}
KEY: Json = {"keyFrom": {"secretKeyRef": {"name": "hook", "key": "key"}}}
GLOB = "must be a name that git takes, in which * stands for any characters"
FULL_REF = "must be a name without refs/heads/ or refs/tags/ before it"
CRON = "must be a cron schedule of five fields"
ZONE = "must be the name of a time zone"
REF = "must be a name as ${refs.NAME.branch} takes it"


def trigger(type_: str = "Push", **fields: Any) -> Json:
    return {"type": type_, "git": GIT, **TARGETS, **fields}


def timer(schedule: str = "0 3 * * *", **fields: Any) -> Json:
    return {"type": "Schedule", "schedule": schedule, **TARGETS, **fields}


def hook(**fields: Any) -> Json:
    return {"type": "Webhook", **KEY, **TARGETS, **fields}


def _without(spec: Json, field: str) -> Json:
    return {key: value for key, value in spec.items() if key != field}


def accepted() -> Iterator[tuple[str, Any]]:
    for type_ in ("Push", "PullRequest", "PullRequestLabel", "Tag"):
        yield f"the least of type {type_}", trigger(type_)
    yield "the least schedule", timer()
    yield "the least webhook", hook()
    yield "a webhook of a repository", hook(git=GIT)
    yield "a null stands for absent", trigger(paths=None, interval=None, branches=None)
    yield "an unknown field", trigger(colour="blue")
    yield (
        "all of a push",
        trigger(
            git={**GIT, "accountRef": {"name": "acme", "namespace": "platform"}},
            ref="back_end-2$",
            branches=["main", "release/*", "*", "*/x*y", "grün", "a**b", "v1.*", "#1", "x" * 255],
            paths={"mode": "Allow", "patterns": ["docs/", "*.md", "!docs/api.md", "x" * 260]},
            ignoreFlags={"enabled": True, "flags": ["[skip ci]", "x" * 72]},
            arguments={"A": 1, "B": {"c": [None]}},
            argumentsFrom=[{"name": "K", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "k"}}}],
            paused=True,
            pausedReason="until the freeze is over",
            interval="30s",
            suspend=False,
        ),
    )  # fmt: skip
    yield "no flags", trigger(ignoreFlags={"enabled": True, "flags": []})
    yield (
        "all of a pull request",
        trigger(
            "PullRequestLabel",
            branches=["*"],
            baseBranches=["main"],
            labels=["preview", "env: *", "größe[xl]?"],
            ignoreDrafts=True,
            forks={"allow": True},
        ),
    )
    yield "tags", trigger("Tag", tags=["v*", "api/v*"])
    for schedule in (
        "*/5 * * * *",
        "0 3 * * MON-FRI",
        "0 0 L * *",
        "5,35 8-18/2 1 1 5#2",
        " 0 3  * * * ",
    ):
        yield f"schedule {schedule!r}", timer(schedule)  # fmt: skip
    # What the fields and zones may be is said in a condition: the database of zones changes.
    yield "a schedule that no time meets", timer("99 3 * * *")
    for zone in ("Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "UTC", "Nowhere"):
        yield f"zone {zone}", timer(timeZone=zone)
    yield "a schedule with jitter", timer(jitter="90s")
    targets = ("Template", "ReleaseFlow", "PreviewBlueprint", "DirectorySync", "DirectoryPush")
    yield "targets of every kind", trigger(targets=[{"kind": k, "name": "a"} for k in targets])
    yield "16 targets", trigger(targets=[{"kind": "Template", "name": f"t{n}"} for n in range(16)])
    yield "64 branches", trigger(branches=[f"b{n}" for n in range(64)])


def _places_refused() -> Iterator[Row]:
    for what, address, says in addresses_refused():
        spec = trigger(git={"repository": address})
        yield f"{what}: {address!r}", spec, "spec.git.repository", says
    account = {**GIT, "accountRef": {"name": "Acme"}}
    yield "a wrong account", trigger(git=account), "spec.git.accountRef.name", NAME
    account = {**GIT, "accountRef": {"name": "acme", "namespace": "a.b"}}
    where = "spec.git.accountRef.namespace"
    yield "a wrong namespace", trigger(git=account), where, "must be the name of a namespace"


def _sources_refused() -> Iterator[Row]:
    yield (
        "a key with a slash",
        hook(keyFrom={"secretKeyRef": {"name": "hook", "key": "a/b"}}),
        "spec.keyFrom.secretKeyRef.key",
        "must be a key: only letters, digits, dots, - and _",
    )
    yield (
        "an argument from nowhere",
        trigger(argumentsFrom=[{"name": "A", "valueFrom": {}}]),
        "spec.argumentsFrom[0].valueFrom",
        "give exactly one of secretKeyRef and configMapKeyRef",
    )


def _globs_refused() -> Iterator[Row]:
    for field, type_ in (("branches", "Push"), ("baseBranches", "PullRequest"), ("tags", "Tag")):
        for glob in ("a b", "a\nb", "main\n", "a~1", "a^", "a:b", "a?", "a[b]", "a\\b", "a\x7f"):
            yield f"{field} {glob!r}", trigger(type_, **{field: [glob]}), f"spec.{field}[0]", GLOB
        for glob in ("refs/heads/main", "/main", "-main", "main/", "a//b", "a..b"):
            spec = trigger(type_, **{field: [glob]})
            yield f"{field} {glob!r}", spec, f"spec.{field}[0]", FULL_REF
    yield "token as a branch", trigger(branches=[GITLAB_TOKEN]), "spec.branches[0]", TOKEN


def _texts_refused() -> Iterator[Row]:
    for ref in ("-a", "a.b", "a b", "größe", "a/b", "a\n"):
        yield f"ref {ref!r}", trigger(ref=ref), "spec.ref", REF
    yield "token as a ref", trigger(ref=GITHUB_TOKEN), "spec.ref", TOKEN
    yield (
        "a label in two lines",
        trigger("PullRequestLabel", labels=["a\nb"]),
        "spec.labels[0]",
        "must be one line",
    )
    yield (
        "a pattern in two lines",
        trigger(paths={"patterns": ["a\nb"]}),
        "spec.paths.patterns[0]",
        "must be one line",
    )
    yield (
        "token as a flag",
        trigger(ignoreFlags={"flags": [GITHUB_TOKEN]}),
        "spec.ignoreFlags.flags[0]",
        TOKEN,
    )
    yield "a target's name", trigger(targets=[{"kind": "Template", "name": "A"}]), "spec.targets[0].name", NAME  # fmt: skip
    yield "interval 1", trigger(interval="1"), "spec.interval", DURATION
    yield "interval 0s", trigger(interval="0s"), "spec.interval", "at least 1s"
    yield "jitter 1", timer(jitter="1"), "spec.jitter", DURATION


def _schedules_refused() -> Iterator[Row]:
    for text in (
        "@daily",
        "* * * *",
        "0 0 3 * * *",
        "TZ=UTC 0 3 * * *",
        "0 3 * * ?",
        "0\t3 * * *",
        "-",
        " ",
    ):
        yield f"schedule {text!r}", timer(text), "spec.schedule", CRON  # fmt: skip
    for zone in ("Europe/", "/etc/passwd", "../etc", "Europe//Berlin", "Europe/Ber lin", "UTC\n"):
        yield f"zone {zone!r}", timer(timeZone=zone), "spec.timeZone", ZONE


def _types_refused() -> Iterator[Row]:
    for type_ in ("Push", "PullRequest", "PullRequestLabel", "Tag"):
        spec = _without(trigger(type_), "git")
        yield f"type {type_} without git", spec, "spec", "git is required for this type"
    only = "give schedule with type Schedule, and only then"
    yield "no schedule", _without(timer(), "schedule"), "spec", only
    yield "a schedule of a push", trigger(schedule="0 3 * * *"), "spec", only
    zone = "timeZone and jitter are for type Schedule only"
    yield "a time zone of a push", trigger(timeZone="UTC"), "spec", zone
    yield "jitter of a push", trigger(jitter="1m"), "spec", zone
    key = "give keyFrom with type Webhook, and only then"
    yield "no key", _without(hook(), "keyFrom"), "spec", key
    yield "a key of a push", trigger(**KEY), "spec", key


def refused() -> Iterator[Row]:
    yield from _places_refused()
    yield from _sources_refused()
    yield from _globs_refused()
    yield from _texts_refused()
    yield from _schedules_refused()
    yield from _types_refused()


def refused_by_schema() -> Iterator[Row]:
    yield "no type", _without(trigger(), "type"), "spec.type", "Required"
    yield "a type in lower case", trigger("push"), "spec.type", "Unsupported value"
    yield "no targets", _without(trigger(), "targets"), "spec.targets", "Required"
    yield "an empty list of targets", trigger(targets=[]), "spec.targets", "should have at least 1"
    twice = [{"kind": "Template", "name": "a"}] * 2
    yield "a target twice", trigger(targets=twice), "spec.targets", "Duplicate value"
    many = [{"kind": "Template", "name": f"t{n}"} for n in range(17)]
    yield "17 targets", trigger(targets=many), "spec.targets", "at most 16"
    yield (
        "a target of another kind",
        trigger(targets=[{"kind": "Deployment", "name": "a"}]),
        "spec.targets[0].kind",
        "Unsupported value",
    )
    yield "65 branches", trigger(branches=[f"b{n}" for n in range(65)]), "spec.branches", "at most 64"  # fmt: skip
    yield "a branch twice", trigger(branches=["a", "a"]), "spec.branches", "Duplicate value"
    yield "a branch of 256 characters", trigger(branches=["x" * 256]), "spec.branches[0]", "may not be more than 255"  # fmt: skip
    yield "an empty branch", trigger(branches=[""]), "spec.branches[0]", "at least 1 chars"
    yield (
        "a flag of 73 characters",
        trigger(ignoreFlags={"flags": ["x" * 73]}),
        "spec.ignoreFlags.flags[0]",
        "may not be more than 72",
    )
    yield (
        "a pattern of 261 characters",
        trigger(paths={"patterns": ["x" * 261]}),
        "spec.paths.patterns[0]",
        "may not be more than 260",
    )
    yield "paths without patterns", trigger(paths={"mode": "Allow"}), "spec.paths.patterns", "Required"  # fmt: skip
    yield "no patterns", trigger(paths={"patterns": []}), "spec.paths.patterns", "at least 1 items"
    yield "a mode of its own", trigger(paths={"mode": "Deny", "patterns": ["a"]}), "spec.paths.mode", "Unsupported value"  # fmt: skip
    yield "a number as a branch", trigger(branches=[1]), "spec.branches[0]", "Invalid value"
    yield "a text as a boolean", trigger(paused="true"), "spec.paused", "Invalid value"
