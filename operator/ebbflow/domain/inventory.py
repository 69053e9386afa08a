"""What the runs of a source made: kept as a compact text, compared, and taken away in order.

The text is kept in a ControllerRevision (docs/decisions, inventory): one line for each group, kind
and namespace, then the names with their uids.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, TypeGuard

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.domain.objects import OWNER_LABEL, ObjectId

MAX_ENTRIES: Final = 5_000
"""Objects of one source; at about 60 bytes each this is well within what etcd takes."""

PRUNE: Final = f"{GROUP}/prune"
"""Annotation on a made object: `disabled` keeps it, `enabled` lets even data be pruned."""

_FORMAT: Final = 1
_ONCE: Final = "once"

_FIRST: Final = (
    *("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "IngressClass"),
    *("GatewayClass", "RuntimeClass", "ResourceQuota", "LimitRange", "ServiceAccount"),
    *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "NetworkPolicy"),
    *("Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "Service"),
)
"""Kinds that others need, in the order in which they are applied."""

_LAST: Final = (
    *("PodDisruptionBudget", "HorizontalPodAutoscaler", "Ingress", "HTTPRoute", "APIService"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
)
"""Kinds that need others, or that could be in their way."""

_MIDDLE: Final = len(_FIRST)
_RANKS: Final = {kind: rank for rank, kind in enumerate(_FIRST)} | {
    kind: _MIDDLE + 1 + rank for rank, kind in enumerate(_LAST)
}

_HOLDS_DATA: Final = frozenset(
    (
        ("", "Namespace"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
    )
)
"""Kinds whose deletion takes other people's things along, or what cannot be made again."""


class InvalidInventory(ValueError):
    """A stored inventory cannot be read; the text says what is wrong with it."""


class InventoryFull(ValueError):
    """There are more objects than an inventory may have."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One object that was made, and the uid that tells it from a later one of its name."""

    target: ObjectId
    uid: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was made, each object once. Make it by `inventory_of`.

    `once` are the nodes that were done once and for all, each with the Run that did it
    (`domain.runs.once`).
    """

    entries: tuple[Entry, ...] = ()
    once: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def with_entries(self, made: Iterable[Entry]) -> Inventory:
        """Add entries; what an object was before counts no more. Raises InventoryFull."""
        return replace(inventory_of((*self.entries, *made)), once=self.once)

    def without(self, gone: Iterable[Entry]) -> Inventory:
        """Leave out what is gone."""
        left = set(gone)
        entries = tuple(entry for entry in self.entries if entry not in left)
        return replace(self, entries=entries)

    def with_once(self, done: Mapping[str, str]) -> Inventory:
        """Add nodes that were done once; the first Run of each counts."""
        return replace(self, once=tuple(sorted(({**done} | dict(self.once)).items())))


def inventory_of(entries: Iterable[Entry]) -> Inventory:
    """Return the inventory of these entries; of several for one object the last counts.

    Raises InventoryFull.
    """
    newest = {entry.target: entry for entry in entries}
    if len(newest) > MAX_ENTRIES:
        raise InventoryFull(
            f"the source has made {len(newest)} objects, but {MAX_ENTRIES} at most are kept track "
            "of; cut it into several Templates"
        )
    return Inventory(tuple(sorted(newest.values())))


def write_inventory(inventory: Inventory) -> str:
    """Return the inventory as text: equal inventories give equal texts."""
    lines = [json.dumps({"inventory": _FORMAT})]
    for (group, kind, namespace), found in groupby(inventory.entries, key=_folder):
        names = {entry.target.name: entry.uid for entry in found}
        row = [group, kind, namespace, names]
        lines.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
    if inventory.once:
        once = {_ONCE: dict(inventory.once)}
        lines.append(json.dumps(once, ensure_ascii=False, separators=(",", ":")))
    return "\n".join(lines) + "\n"


def read_inventory(text: str) -> Inventory:
    """Read what `write_inventory` wrote; raises InvalidInventory."""
    # Not splitlines: it also cuts at separators that JSON leaves as they are.
    head, *rows = text.removesuffix("\n").split("\n")
    try:
        _check_format(json.loads(head))
        read = [json.loads(row) for row in rows]
        made = [row for row in read if not _is_once(row)]
        inventory = inventory_of(entry for row in made for entry in _entries(row))
        once = {key: run for row in read if _is_once(row) for key, run in row[_ONCE].items()}
        return inventory.with_once(once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidInventory(f"the inventory is not JSON: {error}") from None


def _check_format(head: object) -> None:
    if head != {"inventory": _FORMAT}:
        raise InvalidInventory("the inventory is of a format that this version does not know")


def _is_once(row: object) -> TypeGuard[dict[str, dict[str, str]]]:
    match row:
        case {"once": dict(done)}:
            return all(isinstance(run, str) for run in done.values())
        case _:
            return False


def _entries(row: object) -> list[Entry]:
    match row:
        case [str(group), str(kind), str(namespace), dict(names)]:
            return [
                Entry(ObjectId(group, kind, namespace, str(name)), str(uid))
                for name, uid in names.items()
            ]
        case _:
            raise InvalidInventory("a line of it is not a group, kind, namespace and names")


def _folder(entry: Entry) -> tuple[str, str, str]:
    return entry.target.group, entry.target.kind, entry.target.namespace


# What left the document


def left_behind(before: Inventory, wanted: Collection[ObjectId]) -> tuple[Entry, ...]:
    """Return what was made and is no longer wanted, in the order in which it is deleted."""
    still = {target.any_version for target in wanted}
    gone = [entry for entry in before.entries if entry.target not in still]
    return tuple(sorted(gone, key=lambda entry: _deletion_order(entry.target)))


@dataclass(frozen=True, slots=True)
class Prune:
    """Delete it, if it is still this very object in this very state."""

    entry: Entry
    resource_version: str


@dataclass(frozen=True, slots=True)
class Forget:
    """It is not ours any more, or not there: take it off the inventory and leave it."""

    entry: Entry
    why: str


@dataclass(frozen=True, slots=True)
class Keep:
    """It is ours, but must not be deleted without being asked for."""

    entry: Entry
    why: str


Verdict = Prune | Forget | Keep


def judge(entry: Entry, live: JsonObject | None, mark: str) -> Verdict:
    """Decide about an object that left the document, as it is now (None: it is not there).

    `mark` is the owner mark of the source whose inventory this is.
    """
    if live is None:
        return Forget(entry, "it is gone already")
    metadata = live["metadata"]
    if metadata.get("uid") != entry.uid:
        return Forget(entry, "another object has its name now")
    owner = (metadata.get("labels") or {}).get(OWNER_LABEL)
    if owner != mark:
        return Forget(entry, f"{owner or 'somebody else'} has taken it over")
    if any(reference.get("controller") for reference in metadata.get("ownerReferences") or ()):
        return Forget(entry, "a controller owns it")
    return _judge_own(entry, metadata)


def _judge_own(entry: Entry, metadata: JsonObject) -> Verdict:
    wish = (metadata.get("annotations") or {}).get(PRUNE)
    if wish == "disabled":
        return Keep(entry, f"its annotation {PRUNE} is disabled")
    if (entry.target.group, entry.target.kind) in _HOLDS_DATA and wish != "enabled":
        return Keep(
            entry,
            f"a {entry.target.kind} takes data along; to have it deleted: "
            f"kubectl annotate {_kubectl_name(entry.target)} {PRUNE}=enabled",
        )
    return Prune(entry, str(metadata.get("resourceVersion", "")))


def _kubectl_name(target: ObjectId) -> str:
    kind = f"{target.kind}.{target.group}" if target.group else target.kind
    place = f"-n {target.namespace} " if target.namespace else ""
    return f"{place}{kind.lower()} {target.name}"


# Order


def apply_order(target: ObjectId) -> tuple[int, ObjectId]:
    """Return the sort key for applying: what others need comes first."""
    return _RANKS.get(target.kind, _MIDDLE), target


def _deletion_order(target: ObjectId) -> tuple[int, ObjectId]:
    """Return the sort key for deleting: what needs others goes first."""
    return -_RANKS.get(target.kind, _MIDDLE), target
