"""Inventories: kept as text, compared, and taken away only where it is ours to take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.inventory import (
    MAX_ENTRIES,
    PRUNE,
    Entry,
    Forget,
    InvalidInventory,
    Inventory,
    InventoryFull,
    Keep,
    Prune,
    apply_order,
    inventory_of,
    judge,
    left_behind,
    read_inventory,
    write_inventory,
)
from ebbflow.domain.objects import OWNER_LABEL, ObjectId

MARK = "shop.12345678"


def entry(kind: str, name: str = "x", group: str = "", namespace: str = "shop") -> Entry:
    return Entry(ObjectId(group, kind, namespace, name), f"uid-of-{kind}-{name}")


def live(found: Entry, owner: str | None = MARK, **metadata: Any) -> dict[str, Any]:
    labels = {OWNER_LABEL: owner} if owner else None
    return {"metadata": {"uid": found.uid, "resourceVersion": "7", "labels": labels, **metadata}}


WORDS = st.text(min_size=1, max_size=8)
ENTRIES = st.builds(
    Entry, st.builds(ObjectId, st.sampled_from(["", "apps"]), WORDS, WORDS, WORDS), WORDS
)


@pytest.mark.hypothesis
@given(st.lists(ENTRIES, max_size=20), st.dictionaries(WORDS, WORDS, max_size=5))
def test_an_inventory_survives_being_written_down(
    entries: list[Entry], once: dict[str, str]
) -> None:
    inventory = inventory_of(entries).with_once(once)
    assert read_inventory(write_inventory(inventory)) == inventory
    again = inventory_of(reversed(inventory.entries)).with_once(once)
    assert write_inventory(again) == write_inventory(inventory)


def test_the_first_run_that_did_a_node_is_remembered_whatever_else_changes() -> None:
    kept = inventory_of([entry("ConfigMap")]).with_once({"ref:seed": "one"})
    later = kept.with_once({"ref:seed": "two", "path:0": "two"})
    changed = later.with_entries([entry("Secret")]).without(kept.entries)
    assert dict(changed.once) == {"ref:seed": "one", "path:0": "two"}


def test_an_inventory_is_compact() -> None:
    many = inventory_of(entry("ConfigMap", f"settings-{i}") for i in range(MAX_ENTRIES))
    assert len(write_inventory(many)) < 70 * MAX_ENTRIES


def test_an_inventory_has_a_bound() -> None:
    with pytest.raises(InventoryFull, match="cut it into several Templates"):
        inventory_of(entry("ConfigMap", str(i)) for i in range(MAX_ENTRIES + 1))


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]\n", '{"inventory": 2}\n', '{"inventory": 1}\n[1]', '{"inventory": 1}\n{"a"'],
)
def test_what_is_no_inventory_is_refused(text: str) -> None:
    with pytest.raises(InvalidInventory):
        read_inventory(text)


def test_what_is_made_again_under_its_name_takes_the_place_of_the_old() -> None:
    old = entry("ConfigMap")
    made = Entry(old.target, "new")
    assert inventory_of([old]).with_entries([made]).entries == (made,)
    assert len(inventory_of([old]).without([old])) == 0


def test_what_left_the_document_goes_in_the_reverse_order_of_coming() -> None:
    entries = [
        entry("Namespace", namespace=""),
        entry("Deployment", group="apps"),
        entry("ConfigMap"),
        entry("Ingress", group="networking.k8s.io"),
        entry("Thing", group="x.dev"),
    ]
    wanted = [ObjectId("", "ConfigMap", "shop", "x", version="v1")]
    kinds = [gone.target.kind for gone in left_behind(inventory_of(entries), wanted)]
    assert kinds == ["Ingress", "Deployment", "Thing", "Namespace"]
    assert left_behind(Inventory(), wanted) == ()


def test_what_others_need_is_applied_first() -> None:
    kinds = [
        "Ingress",
        "Deployment",
        "Service",
        "ConfigMap",
        "CustomResourceDefinition",
        "Namespace",
    ]
    targets = [ObjectId("", kind, "", "x") for kind in kinds]
    assert [t.kind for t in sorted(targets, key=apply_order)] == list(
        reversed([*kinds[:2], *kinds[2:]])
    )


CONFIG, CLAIM = entry("ConfigMap"), entry("PersistentVolumeClaim")
CONTROLLED = [{"kind": "Thing", "controller": True}]


@pytest.mark.parametrize(
    ("found", "now", "expected"),
    [
        pytest.param(CONFIG, live(CONFIG), Prune(CONFIG, "7"), id="ours"),
        pytest.param(CONFIG, None, Forget(CONFIG, "it is gone already"), id="gone"),
        pytest.param(
            CONFIG,
            live(CONFIG, uid="other"),
            Forget(CONFIG, "another object has its name now"),
            id="another object of the name",
        ),
        pytest.param(
            CONFIG,
            live(CONFIG, owner="web.87654321"),
            Forget(CONFIG, "web.87654321 has taken it over"),
            id="another Template's",
        ),
        pytest.param(
            CONFIG,
            live(CONFIG, owner=None),
            Forget(CONFIG, "somebody else has taken it over"),
            id="the label was removed",
        ),
        pytest.param(
            CONFIG,
            live(CONFIG, ownerReferences=CONTROLLED),
            Forget(CONFIG, "a controller owns it"),
            id="a controller's",
        ),
        pytest.param(
            CONFIG,
            live(CONFIG, annotations={PRUNE: "disabled"}),
            Keep(CONFIG, f"its annotation {PRUNE} is disabled"),
            id="kept on purpose",
        ),
        pytest.param(
            CLAIM,
            live(CLAIM),
            Keep(
                CLAIM,
                "a PersistentVolumeClaim takes data along; to have it deleted: "
                f"kubectl annotate -n shop persistentvolumeclaim x {PRUNE}=enabled",
            ),
            id="data",
        ),
        pytest.param(
            CLAIM,
            live(CLAIM, annotations={PRUNE: "enabled"}),
            Prune(CLAIM, "7"),
            id="data that may go",
        ),
    ],
)
def test_only_what_is_still_ours_is_pruned(found: Entry, now: Any, expected: Any) -> None:
    assert judge(found, now, MARK) == expected
