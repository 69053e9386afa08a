"""The beginning of a Run: its own copy of the document, its arguments, and the checks beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ebbflow.api.base import Key
from ebbflow.api.reasons import Reason
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.edit_record import RecordKey
from ebbflow.domain.expression import (
    ExpressionError,
    Known,
    Scope,
    references,
    resolve_arguments,
)
from ebbflow.domain.inventory import InvalidInventory
from ebbflow.domain.objects import Account, ObjectError, Objects
from ebbflow.domain.ports import Clock
from ebbflow.domain.run_store import RunStore
from ebbflow.domain.runs.chain import wanted_of
from ebbflow.domain.runs.content import Content, read_content, snapshot_of
from ebbflow.domain.runs.once import DoneOnce, has_once
from ebbflow.domain.runs.outputs import RefNeeds
from ebbflow.domain.runs.states import NodeState, carry_over, read_states
from ebbflow.domain.runs.teardown import inherited_refs, is_teardown
from ebbflow.domain.runs.tree import (
    ROOT,
    TEARDOWN,
    Place,
    Workflow,
    build_teardown,
    build_tree,
)
from ebbflow.domain.runs.triggered import refs_of, trigger_of
from ebbflow.domain.secret import Tainted
from ebbflow.domain.times import read_time
from ebbflow.services.repositories.synced_file import SyncedFiles
from ebbflow.services.runs.document_check import DocumentCheck, listed
from ebbflow.services.runs.generated_secrets import GeneratedSecrets
from ebbflow.services.runs.inventories import Inventories
from ebbflow.services.runs.run_memory import RunMemory
from ebbflow.services.tenant_secrets import TenantSecrets, ValueMissing

TEARDOWN_TIMEOUT: Final = timedelta(hours=1)
"""How long a teardown may take where `spec.timeout` says nothing: a deletion waits for it."""


class CannotRun(Exception):
    """The Run fails before its first node; the text says what, where and what to do."""

    def __init__(self, message: str, reason: Reason = Reason.INVALID_DOCUMENT) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Begun:
    """What a Run begins with: the name of its snapshot, and nodes that an earlier Run has done."""

    snapshot: str
    content: Content
    states: Mapping[str, NodeState]


class RunStart:
    """Prepares Runs, and finds out anew what they began with."""

    def __init__(
        self,
        store: RunStore,
        objects: Objects,
        check: DocumentCheck,
        files: SyncedFiles,
        clock: Clock,
        default_account: str,
        on_secret: Callable[[Tainted], None],
        record_key: RecordKey,
        inventories: Inventories,
    ) -> None:
        self._store = store
        self._inventories = inventories
        self._objects = objects
        self._check = check
        self._files = files
        self._clock = clock
        self._default_account = default_account
        self._on_secret = on_secret
        self._record_key = record_key
        self._secrets = TenantSecrets(objects, on_secret)

    async def begin(self, run: Run, parent: Template) -> Begun:
        """Give a Run its own copy of what it runs. Raises CannotRun, ClusterError, StaleWrite."""
        earlier = run.spec.retry_of or run.spec.rollback_to
        if earlier is not None:
            return await self._again(run, earlier)
        if not parent.spec.document:
            raise CannotRun(f"the {parent.key.kind} {parent.metadata.name} has no document to run")
        snapshot = snapshot_of(parent, self._record_key())
        content = read_content(snapshot.content)
        await self.check(run, parent, content)
        await self._store.keep(snapshot, run)
        return Begun(snapshot.name, content, {})

    async def _again(self, run: Run, name: str) -> Begun:
        namespace, source = run.metadata.namespace, run.spec.source
        field = "spec.retryOf" if run.spec.retry_of else "spec.rollbackTo"

        def cannot(words: str) -> CannotRun:
            return CannotRun(f"{field}: {words}", Reason.INVALID_SPEC)

        earlier = await self._store.get(namespace, name)
        if earlier is None or earlier.spec.source != source:
            raise cannot(
                f"{source.kind} {source.name} has no Run {name}; these it has: "
                f"ebbflow runs {source.name} -n {namespace}"
            )
        if earlier.status.finished_at is None:
            raise cannot(f"the Run {name} has not ended: wait, or cancel it")
        kept = earlier.status.document_ref
        raw = await self._store.read(namespace, kept.name) if kept else None
        if kept is None or raw is None:
            raise cannot(f"the Run {name} had not begun, so there is nothing to go on from")
        states = carry_over(read_states(earlier.status)) if run.spec.retry_of else {}
        return Begun(kept.name, read_content(raw), states)

    async def check(self, run: Run, parent: Template, content: Content) -> None:
        """Check a document before its first node runs. Raises CannotRun with all that is wrong."""
        given = (
            *(override.name for override in content.overrides),
            *run.spec.arguments,
            *(argument.name for argument in run.spec.arguments_from),
        )
        document = content.document
        known = Known(args=given, refs=refs_of(run, self._record_key()))
        # Large documents take a while, and no other Run shall wait for that.
        faults = await asyncio.to_thread(self._check.faults, document, known)
        if not faults:
            return
        file = await self._files.find(parent, document)
        if file is None or parent.spec.git is None:
            raise CannotRun(listed(faults))
        faults = await asyncio.to_thread(self._check.faults, document, known, file)
        raise CannotRun(listed(faults, parent.spec.git.path))

    async def recollect(self, run: Run, parent: Template, content: Content) -> RunMemory:
        """Return what the operator knows of a Run while it works on it, found out anew.

        Raises CannotRun where an argument has no value any more, ClusterError.
        """
        namespace = run.metadata.namespace
        refs = _trigger_refs(run, self._record_key())
        tree, root = build_tree(content.document), ROOT
        if is_teardown(run, self._record_key()):
            content, tree = _torn_down(content)
            root = Place(TEARDOWN)
            refs = inherited_refs(await self._store.runs_of(parent.key), self._record_key()) | refs
        account = Account(namespace, content.account or self._default_account)
        source = Key(run.spec.source.kind, namespace, run.spec.source.name)
        random = GeneratedSecrets(
            self._objects, source, parent.metadata.uid, self._on_secret, dry=run.spec.dry_run
        )
        secrets: dict[str, Mapping[str, Tainted] | None] = {}
        try:
            arguments = await self._arguments(run, content, account, random, secrets)
        except (ExpressionError, ValueMissing, ObjectError) as error:
            raise CannotRun(f"arguments: {error}") from error
        return RunMemory(
            content=content,
            tree=tree,
            root=root,
            dry=run.spec.dry_run,
            once=await self._done_once(parent, tree),
            account=account,
            arguments=arguments,
            given_refs=refs,
            needs=RefNeeds(content.document, wanted_of(run)),
            random=random,
            secrets=secrets,
        )

    async def _done_once(self, parent: Template, tree: Workflow) -> DoneOnce:
        """Return which nodes of those that run once were done; raises CannotRun, ClusterError."""
        if not has_once(tree):
            return {}
        try:
            return dict((await self._inventories.read(parent)).once)
        except InvalidInventory as error:
            raise CannotRun(
                f"runNodeOnce: which nodes were done cannot be read: {error}"
            ) from error

    async def _arguments(
        self,
        run: Run,
        content: Content,
        account: Account,
        random: GeneratedSecrets,
        secrets: dict[str, Mapping[str, Tainted] | None],
    ) -> dict[str, Json]:
        """Resolve the arguments: the document's, the source's overrides, the Run's own (highest)."""
        namespace = run.metadata.namespace
        given: dict[str, Json] = {}
        for override in content.overrides:
            given[override.name] = (
                override.value
                if override.value_from is None
                else await self._secrets.value(override.value_from, namespace, account)
            )
        given |= run.spec.arguments
        for argument in run.spec.arguments_from:
            value = await self._secrets.value(argument.value_from, namespace, account)
            given[argument.name] = value
        declared = content.document.get("arguments") or {}
        open_ = {name: value for name, value in declared.items() if name not in given}
        for name, _ in references(open_, ("arguments",)).secrets:
            secrets[name] = await self._secrets.read(namespace, name, account)
        # The same arguments after a restart, `date()` in them included.
        began = run.status.started_at
        now = read_time(began) if began else self._clock.now()
        scope = Scope(secrets=secrets.get, now=now, random_secrets=random)
        resolved = await self._secrets.complete(
            lambda: random.rendered(
                lambda budget: resolve_arguments(declared, given, scope, budget), account
            ),
            secrets,
            namespace,
            account,
        )
        return _with_sensitive(resolved, content.document.get("sensitiveArguments") or ())


def _torn_down(content: Content) -> tuple[Content, Workflow]:
    """Return what holds for a teardown, and its tree. Raises CannotRun if there is none any more."""
    teardown = build_teardown(content.document)
    if teardown is None:
        raise CannotRun("the document has no teardownSpec any more")
    timeout = content.timeout or TEARDOWN_TIMEOUT
    return replace(content, timeout=timeout, prune=False), teardown


def _with_sensitive(arguments: dict[str, Json], names: Iterable[str]) -> dict[str, Json]:
    """Taint the arguments that the document calls sensitive, wherever their values come from."""
    sensitive = frozenset(names)
    return {
        name: Tainted(value) if name in sensitive and not isinstance(value, Tainted) else value
        for name, value in arguments.items()
    }


def _trigger_refs(run: Run, key: bytes | None) -> dict[str, Json]:
    """Return what refs a Run begins with: `trigger`, and the values that its trigger gave it.

    Those of a Git trigger are `trigger`'s too, whatever its own name is.
    """
    trigger = run.status.trigger or trigger_of(run, key)
    given = refs_of(run, key)
    told = {**trigger.dump(), "sha": trigger.commit, "branch": trigger.ref}
    for values in given.values():
        told |= values if isinstance(values, dict) else {}
    return {**given, "trigger": told}
