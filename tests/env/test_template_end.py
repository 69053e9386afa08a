"""Ways to end the sync: suspending it, removing spec.git, deleting the Template. The file stays."""

from __future__ import annotations

from tests.env.conftest import Shared
from tests.support.synced import SHOP, Synced, link, wait_questions
from tests.support.waiting import eventually

FIVE = SHOP.replace(b'"2"', b'"5"')


def test_without_git_the_file_stays_and_nothing_is_synced(shared: Shared) -> None:
    shop = link(shared, "unlinked")
    shop.patch(git=None)
    shop.wait(reason="NotSynced")
    assert shop.ready() == ("True", "NotSynced", "Not synced: spec.git is absent")
    assert "sync" not in shop.get()["status"]
    shop.edit(REPLICAS="5")
    shop.push(SHOP.replace(b'"2"', b'"7"'))
    shop.look_now()
    assert shop.arguments() == {"REPLICAS": "5", "COLOUR": "red"}
    assert shop.subjects() == ["Edit by hand", "Begin"]


def test_with_git_given_back_the_file_wins(shared: Shared) -> None:
    shop = link(shared, "relinked")
    place = shop.get()["spec"]["git"]
    shop.patch(git=None)
    shop.wait(reason="NotSynced")
    shop.edit(REPLICAS="5")
    shop.patch(git=place)
    shop.wait(reason="InStep")
    assert shop.arguments() == {"REPLICAS": "2", "COLOUR": "red"}
    assert shop.subjects() == ["Begin"]


def test_another_place_begins_anew_with_its_file(shared: Shared) -> None:
    shop = link(shared, "moved", {"templates/shop.yaml": SHOP, "b.yaml": FIVE})
    shop.patch(git={"path": "b.yaml"})
    shop.wait_arguments(REPLICAS="5", COLOUR="red")
    shop.wait()
    assert shop.get()["status"]["sync"]["path"] == "b.yaml"
    assert shop.file() == SHOP
    assert shop.subjects() == ["Begin"]


def test_a_deleted_template_leaves_the_file_and_is_gone_at_once(shared: Shared) -> None:
    shop = link(shared, "deleted")
    shared.kubectl.delete("Template", shop.name, shared.namespace)
    assert shared.kubectl.find("Template", shop.name, shared.namespace) is None
    wait_until_nobody_asks(shop)
    assert shop.file() == SHOP
    assert shop.subjects() == ["Begin"]


def wait_until_nobody_asks(shop: Synced) -> None:
    """Wait until a whole poll of another repository went by without one of this."""
    other = link(shop.world, f"{shop.name}-neighbour")

    def quiet() -> bool:
        before = shop.world.git.counts.total(repository=shop.repository)
        wait_questions(shop.world.git, 2, other.repository)
        return shop.world.git.counts.total(repository=shop.repository) == before

    eventually(quiet, 10, f"{shop.repository} to be left alone")


def test_a_suspended_template_is_left_alone_on_both_sides(shared: Shared) -> None:
    shop = link(shared, "suspended")
    shop.patch(suspend=True)
    shop.edit(COLOUR="blue")
    shop.push(FIVE)
    wait_until_nobody_asks(shop)
    assert shop.arguments() == {"REPLICAS": "2", "COLOUR": "blue"}
    assert shop.file() == FIVE
    # Nothing of it is lost: both edits are taken when it goes on.
    shop.patch(suspend=False)
    shop.wait()
    assert shop.arguments() == {"REPLICAS": "5", "COLOUR": "blue"}
    shop.wait_file(FIVE.replace(b"red", b"blue"))
