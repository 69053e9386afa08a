"""Any object of the cluster, read and written in the name of a tenant's ServiceAccount: the port.

Objects are JSON as the API server has it. What is written may hold `Tainted` texts; the adapter
reveals them where they are sent. What is read has the data of Secrets as `Tainted`, and no
managedFields (large, and of no use to people).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from ebbflow.api.base import GROUP, JsonObject, Key
from ebbflow.domain.ports import ClusterError
from ebbflow.domain.secret import Tainted

OWNER_LABEL: Final = f"{GROUP}/made-by"
"""On every object that runs make: the mark of the Template (or other source) that made it."""

RUN_MANAGER: Final = "ebbflow-run:"
"""How the field managers of runs begin; the mark of the source follows."""

MAX_OBJECT_BYTES: Final = 1_048_576
"""What an object may have as JSON when it is sent. etcd takes 1.5 MiB with all that is added."""


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount that calls are made as."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        """The user name that stands for it."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """Which object. `version` empty: whichever the API server prefers for the group.

    `namespace` empty: none, or for a namespaced kind that of the account which asks.
    """

    group: str
    kind: str
    namespace: str
    name: str
    version: str = ""

    @classmethod
    def of(cls, raw: JsonObject, default_namespace: str = "") -> ObjectId:
        """Name the object that a manifest or a live object is.

        Raises NotAnObject where apiVersion, kind or metadata.name is missing or no text.
        """
        metadata = raw.get("metadata")
        given = metadata if isinstance(metadata, dict) else {}
        namespace = given.get("namespace") or default_namespace
        api_version = _text(raw.get("apiVersion"), "apiVersion")
        group, _, version = api_version.rpartition("/")
        return cls(
            group=group,
            kind=_text(raw.get("kind"), "kind"),
            namespace=_text(namespace, "metadata.namespace") if namespace else "",
            name=_text(given.get("name"), "metadata.name"),
            version=version,
        )

    @property
    def api_version(self) -> str:
        """As manifests have it: `apps/v1`, `v1`; without a version only the group."""
        return "/".join(part for part in (self.group, self.version) if part)

    @property
    def any_version(self) -> ObjectId:
        """The same object, whatever version it is written in."""
        return replace(self, version="")

    @property
    def title(self) -> str:
        """How people are told of it: `Deployment shop/api`, `Namespace shop`."""
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


class NotAnObject(ValueError):
    """A manifest lacks what names an object; the text says which field."""


class ObjectError(ClusterError):
    """A call was refused. The text says what, of which object, why, and what to do.

    `passing`: it can go away without anybody changing the document or the cluster's settings, so
    trying again (after `retry_after`, if given) makes sense. `word` is a CamelCase reason.
    """

    word = "Refused"
    passing = False


class Denied(ObjectError):
    """403 by RBAC: the account lacks a right. The text has the command that an admin would run."""

    word = "Denied"


class AccountMissing(ObjectError):
    """The ServiceAccount does not exist, so there is nobody to act as."""

    word = "ServiceAccountNotFound"


class SystemNamespace(ObjectError):
    """The object, or the account, is in a namespace of the cluster itself. Never asked for."""

    word = "SystemNamespace"


class KindMissing(ObjectError):
    """The API server does not serve the kind (yet): its CustomResourceDefinition may come later."""

    word = "KindNotFound"
    passing = True


class Invalid(ObjectError):
    """400 or 422: the object is wrong. `fields` are the paths that the API server named."""

    word = "InvalidObject"
    fields: tuple[str, ...] = ()


class RejectedByAdmission(ObjectError):
    """An admission webhook, policy or quota said no; `by` is its name, where it is known."""

    word = "AdmissionDenied"
    by: str = ""


class NamespaceTerminating(ObjectError):
    """The namespace is being deleted; nothing can be made in it."""

    word = "NamespaceTerminating"


class NamespaceMissing(ObjectError):
    """The namespace does not exist. A run may be about to make it."""

    word = "NamespaceNotFound"
    passing = True


class TooLarge(ObjectError):
    """The object is larger than the API server or etcd takes."""

    word = "ObjectTooLarge"


class FieldConflict(ObjectError):
    """Another manager owns fields that are applied without force; `managers` have the fields."""

    word = "FieldConflict"
    managers: Mapping[str, tuple[str, ...]] = {}


class AlreadyExists(ObjectError):
    """`create` found an object of this name."""

    word = "AlreadyExists"


class Changed(ObjectError):
    """The object is no longer the one that was read (its uid or resourceVersion)."""

    word = "ObjectChanged"
    passing = True


class Busy(ObjectError):
    """The API server asks for patience, or gave no answer, or failed."""

    word = "ApiServerBusy"
    passing = True


@dataclass(frozen=True, slots=True)
class Usable:
    """The account is there and may do something."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The account does not exist; `message` says how to make it."""

    message: str


@dataclass(frozen=True, slots=True)
class Powerless:
    """The account is there, but nobody gave it a right; `message` says how to."""

    message: str


AccountState = Usable | Absent | Powerless


class Objects(Protocol):
    """Objects of any kind, as the account that each call names. Every method raises ObjectError.

    Nothing is cached but which kinds there are. Objects in namespaces of the system are refused
    without asking the API server, and so are accounts in them.
    """

    async def get(self, target: ObjectId, account: Account) -> JsonObject | None:
        """Read one object; None if it does not exist."""
        ...

    async def find(
        self, group: str, kind: str, namespace: str, labels: Mapping[str, str], account: Account
    ) -> tuple[JsonObject, ...]:
        """Read the objects of a kind that have all the labels; a namespace `""` is the account's.

        For kinds without a namespace it is left out. At most 5,000 objects; more are TooLarge.
        """
        ...

    async def apply(
        self,
        manifest: JsonObject,
        account: Account,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
    ) -> JsonObject:
        """Apply on the server's side, and return the object as it is (or with `dry_run` would be).

        Fields that `manager` applied earlier and that are no longer in the manifest go. A
        namespaced object without a namespace goes to the account's; for a kind without namespaces
        a given one is left out. Raises FieldConflict only without `force`.
        """
        ...

    async def create(self, manifest: JsonObject, account: Account, *, manager: str) -> JsonObject:
        """Make an object; raises AlreadyExists. metadata.generateName is taken too."""
        ...

    async def delete(
        self, target: ObjectId, account: Account, *, uid: str, resource_version: str = ""
    ) -> bool:
        """Delete the object if it still has this uid (and resourceVersion, where given).

        What it owns is deleted in the background. False: there is none of this name. Raises
        Changed if it is another one by now.
        """
        ...

    async def check_account(self, account: Account) -> AccountState:
        """Tell whether the account exists, and whether it may do anything at all."""
        ...


class ObjectWatch(Protocol):
    """Wakes an object's key when something changes that the object waits for."""

    def follow(
        self, key: Key, account: Account, targets: Collection[ObjectId], *, made: bool = True
    ) -> None:
        """Wake `key` whenever one of the targets changes, until `forget(key)`.

        Replaces what the key followed before with the same `made`. `made`: they carry OWNER_LABEL,
        so one watch serves all of a kind, namespace and account. Wakes once as soon as the watch
        is in place, for what changed before that; where watching is denied or not possible, wakes
        now and then instead (2 to 30 s). Returns at once.
        """
        ...

    def forget(self, key: Key) -> None:
        """Stop waking the key; watches that nobody needs any more are closed."""
        ...


def owner_mark(source: Key) -> str:
    """Return the value of OWNER_LABEL for what runs of `source` make: at most 61 characters.

    The name is for people; the digest tells equal names in other namespaces and kinds apart.
    """
    digest = hashlib.sha256(f"{source.kind}/{source.namespace}/{source.name}".encode()).hexdigest()
    return f"{source.name}.{digest[:8]}"


def field_manager(source: Key) -> str:
    """Return the field manager of `source`: stable, so that a later run takes back its fields.

    Each source has one of its own: two that apply the same object own their fields side by side,
    and do not take each other's away.
    """
    return f"{RUN_MANAGER}{owner_mark(source)}"


def tainted_texts(value: Any) -> frozenset[Tainted]:
    """Return all secrets in a JSON value."""
    found: set[Tainted] = set()
    ahead = [value]
    while ahead:
        item = ahead.pop()
        match item:
            case Tainted():
                found.add(item)
            case Mapping():
                ahead.extend(item.values())
            case list() | tuple():
                ahead.extend(item)
            case _:
                pass
    return frozenset(found)


def tainted_where_known(value: Any, known: Collection[Tainted]) -> Any:
    """Return a JSON value in which every text that has a known secret in it is `Tainted`.

    An object that a secret was put into shows it again when it is read. Empty secrets are in
    every text, so they are not looked for.
    """
    texts = tuple(text for secret in known if (text := secret.reveal()))
    return _hidden(value, texts) if texts else value


def _hidden(value: Any, texts: tuple[str, ...]) -> Any:
    match value:
        case str() if any(text in value for text in texts):
            return Tainted(value)
        case dict():
            return {key: _hidden(item, texts) for key, item in value.items()}
        case list() | tuple():
            return [_hidden(item, texts) for item in value]
        case _:
            return value


def _text(value: object, field: str) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, Tainted):
        # It would be seen in the names of things, in logs and in errors.
        raise NotAnObject(f"{field} must not come from a secret: give it a text that may be seen")
    raise NotAnObject(f"{field} is missing: give it a text")
