"""Both sides edited: what merges is merged, what does not is reported and waits for a person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.env.conftest import Shared
from tests.support.canary import CanarySearch
from tests.support.synced import SHOP, Synced, changed_lines, link

TOKEN = "glpat-" + "a1B2c3D4e5F6g7H8i9J0"


def both_edit(
    shop: Synced, cluster: dict[str, str], old: bytes = b"red", new: bytes = b"blue"
) -> None:
    """Edit the object and the file before the operator can see either."""
    shop.patch(suspend=True)
    shop.edit(**cluster)
    shop.push(shop.file().replace(old, new))
    shop.patch(suspend=False)


def conflicts(shop: Synced) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.get()["status"]["sync"].get("conflicts", [])
    return found


@pytest.fixture
def in_conflict(shared: Shared, request: pytest.FixtureRequest) -> Synced:
    name = request.node.name.removeprefix("test_").replace("_", "-").replace("[", "-").rstrip("]")
    shop = link(shared, name[:40].strip("-"))
    both_edit(shop, {"COLOUR": "green", "REPLICAS": "5"})
    shop.wait_stalled("Conflict")
    return shop


def test_edits_of_different_fields_are_one_commit_over_the_push(shared: Shared) -> None:
    shop = link(shared, "merged")
    both_edit(shop, {"REPLICAS": "5"})
    shop.wait()
    assert shop.file() == SHOP.replace(b"red", b"blue").replace(b'"2"', b'"5"')
    assert shop.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
    assert shop.subjects() == ["Update merged", "Edit by hand", "Begin"]
    changed = changed_lines(shared.git.diff("merged", shop.head()))
    assert changed == ['-  REPLICAS: "2"     # how many', '+  REPLICAS: "5"     # how many']


def test_a_conflict_changes_neither_side_and_shows_both_values(in_conflict: Synced) -> None:
    assert conflicts(in_conflict) == [
        {"path": "arguments.COLOUR", "base": "red", "cluster": "green", "git": "blue"}
    ]
    assert in_conflict.arguments() == {"COLOUR": "green", "REPLICAS": "5"}
    assert in_conflict.file() == SHOP.replace(b"red", b"blue")
    assert "annotate ebbflow.dev/resolve=git or =cluster" in in_conflict.ready()[2]


@pytest.mark.parametrize(("side", "colour"), [("git", "blue"), ("cluster", "green")])
def test_an_annotation_says_which_side_wins(in_conflict: Synced, side: str, colour: str) -> None:
    shop = in_conflict
    shop.world.kubectl.annotate("Template", shop.name, shop.world.namespace, resolve=side)
    shop.wait_arguments(COLOUR=colour, REPLICAS="5")
    shop.wait()
    expected = SHOP.replace(b"red", colour.encode()).replace(b'"2"', b'"5"')
    assert shop.file() == expected
    assert conflicts(shop) == []
    assert "ebbflow.dev/resolve" not in shop.get()["metadata"].get("annotations", {})


def test_sides_that_agree_are_no_conflict_any_more(in_conflict: Synced) -> None:
    in_conflict.edit(COLOUR="blue")
    in_conflict.wait()
    assert in_conflict.file() == SHOP.replace(b"red", b"blue").replace(b'"2"', b'"5"')


def test_the_annotation_is_the_message_of_one_commit(shared: Shared) -> None:
    shop = link(shared, "said")
    shared.kubectl.annotate("Template", "said", shared.namespace, commit_message="Scale up")
    shop.edit(REPLICAS="5")
    shop.wait()
    shop.edit(REPLICAS="6")
    shop.wait()
    assert shop.subjects() == ["Update said", "Scale up", "Begin"]
    assert "ebbflow.dev/commit-message" not in shop.get()["metadata"].get("annotations", {})


def test_a_pasted_token_goes_nowhere(shared: Shared) -> None:
    shop = link(shared, "pasted")
    shop.edit(COLOUR=TOKEN)
    message = shop.wait_stalled("SecretInDocument")
    assert "spec.document.arguments.COLOUR" in message
    assert TOKEN not in message
    assert shop.subjects() == ["Begin"]
    shop.push(shop.file().replace(b"red", b"blue"))
    shop.wait_stalled("Conflict")
    assert TOKEN not in str(shop.get()["status"])


def test_the_accounts_own_password_in_a_document_goes_nowhere(
    shared: Shared, canary_search: CanarySearch
) -> None:
    shop = link(shared, "known")
    shop.edit(COLOUR=f"it is {shared.git.password}")
    message = shop.wait_stalled("SecretInDocument")
    assert "spec.document.arguments.COLOUR" in message
    canary_search.add(shared.canary)
    canary_search.look_at_repositories(shared.git.root)
    canary_search.look_at("status", str(shop.get()["status"]))
    shop.edit(COLOUR="red")
    shop.wait()
