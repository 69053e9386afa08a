"""The watches: which modules watch which kinds."""

from __future__ import annotations

import kopf

from ebbflow.adapters.kube import readiness
from ebbflow.adapters.kube.watching import WatchRecord
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.gittrigger import GitTrigger
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.handlers import gitaccount, gittrigger, run, template
from ebbflow.handlers.events import Intake
from ebbflow.handlers.watches import Watches, watch_paths
from ebbflow.services.sync.first_sights import FirstSights
from ebbflow.wiring.elections import serves
from ebbflow.wiring.foundation import Foundation

HANDLERS = (template, gitaccount, run, gittrigger)
WATCHED = (Template, GitAccount, Run, GitTrigger)
"""The modules that watch a kind each, in plain sight."""


def watches_on(on: Foundation, sights: FirstSights) -> Watches:
    """Return the watches of all kinds, which put keys into the queue."""
    settings, client, clock = on.settings, on.client, on.clock
    record = WatchRecord(clock)
    intake = Intake(on.queue, lambda namespace: serves(settings.shard, namespace), sights)

    def register(registry: kopf.OperatorRegistry) -> None:
        for module in HANDLERS:
            module.register(registry, intake)

    wanted = readiness.watches(WATCHED, settings.namespaces)
    return Watches(
        register=register,
        open_session=lambda: client.open_watch_session(record),
        server=client.server,
        record=record,
        missing=lambda: readiness.missing(client, wanted),
        paths=watch_paths(WATCHED, settings.namespaces),
        namespaces=settings.namespaces,
        clock=clock,
    )
