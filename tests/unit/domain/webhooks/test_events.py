"""What deliveries of each provider mean, and what becomes of those that nobody can read."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.webhooks.delivery import (
    MAX_REFS,
    Delivery,
    Event,
    Hint,
    Malformed,
    Ping,
    Unimportant,
)
from ebbflow.domain.webhooks.formats import (
    BITBUCKET,
    BITBUCKET_DATACENTER,
    FORMATS,
    GITEA,
    GITHUB,
    GITLAB,
    Format,
)
from tests.support.deliveries import (
    BITBUCKET_PUSH,
    BITBUCKET_REPOSITORY,
    DATACENTER_PUSH,
    DATACENTER_REPOSITORY,
    URL,
    github_push,
    gitlab_push,
)

SHOP = (URL, "git@git.acme.dev:acme/shop.git", URL.removesuffix(".git"))
DC_SHOP = (
    "ssh://git@git.acme.dev:7999/acme/shop.git",
    "https://git.acme.dev/scm/acme/shop.git",
    "ACME/shop",
)
BB_SHOP = ("https://bitbucket.org/acme/shop",)
REPOSITORY = github_push()["repository"]
PROJECT = gitlab_push()["project"]


def event_of(sender: Format, event: str, body: Any) -> Event:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return sender.event_of(Delivery({sender.event[0]: event}, raw))


@pytest.mark.parametrize(
    ("sender", "event", "body", "meaning"),
    [
        pytest.param(GITHUB, "ping", {"zen": "x"}, Ping(), id="github-ping"),
        pytest.param(GITHUB, "ping", github_push(), Ping(SHOP), id="github-ping-of-a-repository"),
        pytest.param(GITHUB, "push", github_push(), Hint(SHOP, ("refs/heads/main",)), id="push"),
        pytest.param(
            GITHUB,
            "push",
            {**github_push(ref="refs/heads/gone"), "after": "0" * 40, "head_commit": None},
            Hint(SHOP, ("refs/heads/gone",)),
            id="deleted",
        ),
        pytest.param(
            GITHUB,
            "create",
            {"ref": "v1", "ref_type": "tag", "repository": REPOSITORY},
            Hint(SHOP, ("refs/tags/v1",)),
            id="tag",
        ),
        pytest.param(
            GITEA,
            "delete",
            {"ref": "x", "ref_type": "branch", "repository": REPOSITORY},
            Hint(SHOP, ("refs/heads/x",)),
            id="gitea-delete",
        ),
        pytest.param(
            GITEA,
            "pull_request",
            {"action": "synchronized", "number": 7, "repository": REPOSITORY},
            Hint(SHOP, ("pull/7",)),
            id="gitea-pull-request",
        ),
        pytest.param(GITHUB, "star", {}, Unimportant("star"), id="github-star"),
        pytest.param(
            GITLAB,
            "Push Hook",
            gitlab_push(),
            Hint(SHOP, ("refs/heads/main",)),
            id="gitlab-push",
        ),
        pytest.param(
            GITLAB,
            "Tag Push Hook",
            gitlab_push(ref="refs/tags/v1"),
            Hint(SHOP, ("refs/tags/v1",)),
            id="gitlab-tag",
        ),
        pytest.param(
            GITLAB,
            "Merge Request Hook",
            {"object_attributes": {"iid": 3, "action": "update"}, "project": PROJECT},
            Hint(SHOP, ("pull/3",)),
            id="gitlab-merge-request",
        ),
        pytest.param(
            GITLAB,
            "System Hook",
            {"event_name": "repository_update", "project": PROJECT},
            Hint(SHOP),
            id="gitlab-system-update",
        ),
        pytest.param(
            GITLAB,
            "System Hook",
            {**gitlab_push(), "event_name": "push"},
            Hint(SHOP, ("refs/heads/main",)),
            id="gitlab-system-push",
        ),
        pytest.param(
            GITLAB,
            "System Hook",
            {"event_name": "user_create"},
            Unimportant("user_create"),
            id="gitlab-system-other",
        ),
        pytest.param(GITLAB, "Note Hook", {}, Unimportant("Note Hook"), id="gitlab-note"),
        pytest.param(
            BITBUCKET,
            "repo:push",
            BITBUCKET_PUSH,
            Hint(BB_SHOP, ("refs/heads/main", "refs/tags/v1")),
            id="bitbucket-many-refs",
        ),
        pytest.param(
            BITBUCKET,
            "pullrequest:updated",
            {"pullrequest": {"id": 5}, "repository": BITBUCKET_REPOSITORY},
            Hint(BB_SHOP, ("pull/5",)),
            id="bitbucket-pull-request",
        ),
        pytest.param(BITBUCKET, "repo:fork", {}, Unimportant("repo:fork"), id="bitbucket-fork"),
        pytest.param(
            BITBUCKET_DATACENTER, "diagnostics:ping", {"test": True}, Ping(), id="datacenter-ping"
        ),
        pytest.param(
            BITBUCKET_DATACENTER,
            "repo:refs_changed",
            DATACENTER_PUSH,
            Hint(DC_SHOP, ("refs/heads/main", "refs/tags/v1")),
            id="datacenter-many-refs",
        ),
        pytest.param(
            BITBUCKET_DATACENTER,
            "pr:from_ref_updated",
            {"pullRequest": {"id": 9, "toRef": {"repository": DATACENTER_REPOSITORY}}},
            Hint(DC_SHOP, ("pull/9",)),
            id="datacenter-pull-request",
        ),
        pytest.param(
            BITBUCKET_DATACENTER,
            "repo:refs_changed",
            {"repository": {"slug": "shop", "project": {"key": "ACME"}}, "changes": []},
            Hint(("ACME/shop",)),
            id="datacenter-without-links",
        ),
        pytest.param(
            BITBUCKET_DATACENTER,
            "repo:modified",
            {},
            Unimportant("repo:modified"),
            id="datacenter-other",
        ),
    ],
)
def test_what_a_delivery_means(sender: Format, event: str, body: Any, meaning: Event) -> None:
    assert event_of(sender, event, body) == meaning


def test_a_push_of_5000_refs_is_a_hint_that_names_the_first() -> None:
    changes = [{"ref": {"id": f"refs/heads/b{n}"}} for n in range(5000)]
    found = event_of(
        BITBUCKET_DATACENTER,
        "repo:refs_changed",
        {"repository": DATACENTER_REPOSITORY, "changes": changes},
    )
    assert isinstance(found, Hint)
    assert len(found.refs) == MAX_REFS


def test_a_commit_of_5000_files_is_a_hint_as_any() -> None:
    body = github_push()
    body["commits"][0]["added"] = [f"file-{n}" for n in range(5000)]
    assert event_of(GITHUB, "push", body) == Hint(SHOP, ("refs/heads/main",))


@pytest.mark.parametrize(
    "ref",
    ["refs/heads/ünï", "refs/heads/a\u202eb", "refs/heads/a b;$(x)", "refs/heads/'\"<>", ""],
)
def test_odd_names_of_refs_are_taken_as_they_are(ref: str) -> None:
    assert event_of(GITHUB, "push", github_push(ref=ref)) == Hint(SHOP, (ref,))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "line 1, column 1", id="empty"),
        pytest.param(b'{"ref": "refs/he', "line 1, column 9", id="truncated"),
        pytest.param(b"\xff\xfe{}", "UTF-8", id="no-utf-8"),
        pytest.param(b"[" * 100_000, "too deep", id="deep"),
        pytest.param(b"[" * 65 + b"]" * 65, "too deep: 64 levels", id="a-level-too-deep"),
        pytest.param(b'{"a":[' * 32 + b"[]" + b"]}" * 32, "too deep", id="objects-and-arrays"),
        pytest.param(b"[" * 64 + b"]" * 64, "lacks", id="as-deep-as-it-may-be"),
        pytest.param(b'{"ref": NaN}', "number", id="NaN"),
        pytest.param(b'{"ref": 1e999}', "number", id="infinite"),
        pytest.param(b'{"ref": ' + b"9" * 5000 + b"}", "number", id="a-huge-integer"),
        pytest.param(b'{"ref": "\\ud800"}', "UTF-8", id="half-a-surrogate-pair"),
        pytest.param(b"[]", "lacks", id="no-object"),
        pytest.param(b"null", "lacks", id="null"),
        pytest.param(b'{"ref": 3, "repository": {}}', "ref", id="a-number-for-a-ref"),
        pytest.param(b'{"ref": "x"}', "repository", id="no-repository"),
        pytest.param(b'{"ref": "x", "repository": {}}', "no repository", id="no-address"),
        pytest.param(b'{"ref": "x", "repository": null}', "repository", id="null-repository"),
    ],
)
def test_what_cannot_be_read_is_malformed_and_the_text_says_where(body: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        event_of(GITHUB, "push", body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_EVENTS = [
    (sender, event)
    for sender, events in (
        (GITHUB, ("push", "create", "pull_request", "ping")),
        (GITLAB, ("Push Hook", "Merge Request Hook", "System Hook")),
        (BITBUCKET, ("repo:push", "pullrequest:created")),
        (BITBUCKET_DATACENTER, ("repo:refs_changed", "pr:opened")),
    )
    for event in events
]
_BODIES = [github_push(), gitlab_push(), BITBUCKET_PUSH, DATACENTER_PUSH]


@given(chosen=st.sampled_from(_EVENTS), body=st.binary() | _JSON.map(json.dumps).map(str.encode))
def test_no_body_whatever_raises_anything_but_malformed(
    chosen: tuple[Format, str], body: bytes
) -> None:
    with suppress(Malformed):
        event_of(*chosen, body)


@given(chosen=st.sampled_from(_EVENTS), body=st.sampled_from(_BODIES), data=st.data(), new=_JSON)
def test_no_value_in_place_of_another_raises_anything_but_malformed(
    chosen: tuple[Format, str], body: Any, data: st.DataObject, new: Any
) -> None:
    changed = json.loads(json.dumps(body))
    place = changed
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()):
            place[key] = new
            break
        place = place[key]
    with suppress(Malformed):
        event_of(*chosen, changed)


def test_every_format_is_known_by_its_own_headers() -> None:
    for sender in FORMATS:
        headers = {sender.event[0]: "x", **dict.fromkeys(sender.marks, "x")}
        assert next(f for f in FORMATS if f.recognises(headers)) is sender
