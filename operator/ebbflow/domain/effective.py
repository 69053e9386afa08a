"""What holds for the runs of a Template: its spec first, then its document's options, then defaults."""

from __future__ import annotations

from typing import Final, cast, get_args

from ebbflow.api.base import JsonObject
from ebbflow.api.template import ConcurrencyPolicy, EffectiveOptions, Template
from ebbflow.domain.runs.queue import Parent

# Northflank writes the policies in small letters.
_POLICIES: Final = {
    spelling: cast(ConcurrencyPolicy, policy)
    for policy in get_args(ConcurrencyPolicy)
    for spelling in (policy, policy.lower())
}


def effective_options(template: Template) -> EffectiveOptions:
    """Return the concurrency policy, and whether updates of the document start runs."""
    options = _options(template)
    asked = options.get("concurrencyPolicy")
    policy = _POLICIES.get(asked) if isinstance(asked, str) else None
    # `runOnUpdate` is an old name of `autorun`, seen in one of Northflank's guides.
    automatic = options.get("autorun", options.get("runOnUpdate")) is True
    spec = template.spec
    return EffectiveOptions(
        concurrency_policy=spec.concurrency_policy or policy or "Allow",
        run_on_update=automatic if spec.run_on_update is None else spec.run_on_update,
    )


def creation_of(template: Template) -> JsonObject | None:
    """Return the arguments of the Run that the first document starts; None if it starts none."""
    options = _options(template)
    if options.get("runOnCreation") is not True:
        return None
    given = options.get("runOnCreationArgumentOverrides")
    return given if isinstance(given, dict) else {}


def is_paused(template: Template) -> bool:
    """Tell whether automatic starts are paused by the document; people's go on."""
    return _options(template).get("paused") is True


def _options(template: Template) -> JsonObject:
    options = (template.spec.document or {}).get("options")
    return options if isinstance(options, dict) else {}


def parent_of(template: Template) -> Parent:
    """Return the rules by which the Template's Runs take turns."""
    hold = template.status.hold
    return Parent(
        uid=template.metadata.uid,
        policy=effective_options(template).concurrency_policy or "Allow",
        limit=template.spec.queue_limit,
        hold=hold.run if hold else None,
        suspended=template.spec.suspend,
    )
