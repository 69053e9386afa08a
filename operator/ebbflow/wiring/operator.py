"""The operator: what works on each kind, the watches, the loop."""

from __future__ import annotations

from ebbflow.adapters import logs
from ebbflow.adapters.admission.receiver import AdmissionReceiver
from ebbflow.adapters.kube.owned_triggers import KubeOwnedTriggers
from ebbflow.adapters.kube.status import KubeStatusWriter
from ebbflow.adapters.providers import ProviderApis
from ebbflow.domain.runs.queue import QUEUE
from ebbflow.handlers.lifecycle import Operator
from ebbflow.handlers.loop import Loop, Reconciler
from ebbflow.services.accounts.account_check import AccountCheck
from ebbflow.services.accounts.account_identity import AccountIdentities
from ebbflow.services.sync.first_sights import FirstSights
from ebbflow.services.sync.template_sync import TemplateSync
from ebbflow.services.sync.update_runs import UpdateRuns
from ebbflow.services.triggers.document_triggers import DocumentTriggers
from ebbflow.services.triggers.trigger_intake import TriggerIntake
from ebbflow.services.triggers.trigger_ledger import TriggerLedger
from ebbflow.services.triggers.trigger_look import TriggerLook
from ebbflow.services.triggers.triggered_runs import TriggeredRuns
from ebbflow.wiring.foundation import Foundation
from ebbflow.wiring.runs import runs_on
from ebbflow.wiring.watches import watches_on
from ebbflow.wiring.webhooks import Webhooks


def operator_on(on: Foundation, webhooks: Webhooks, receiver: AdmissionReceiver) -> Operator:
    """Return the operator, ready to run."""
    sights = FirstSights()
    status = KubeStatusWriter(on.client, on.events, on.own_writes, on.clock, logs.redactor)
    reconcilers = _reconcilers(on, webhooks, sights, status)
    for kind in reconcilers:
        on.metrics.max_workers(kind, on.settings.workers)
    return Operator(
        elections=on.elections,
        schedule=on.schedule,
        loop=Loop(reconcilers, status, on.queue, on.metrics, on.clock),
        watches=watches_on(on, sights),
        receiver=receiver,
        identity=on.settings.identity,
        workers=on.settings.workers,
    )


def _reconcilers(
    on: Foundation, webhooks: Webhooks, sights: FirstSights, status: KubeStatusWriter
) -> dict[str, Reconciler]:
    """Return what works on each kind, by the names in the keys of the queue."""
    cluster, interval = on.cluster, on.settings.poll_interval
    turns, runs = runs_on(on)
    providers = ProviderApis(on.http_client(), on.clock)
    owned = KubeOwnedTriggers(on.client, on.own_writes)
    documents = DocumentTriggers(UpdateRuns(on.store, turns), owned, cluster)
    listens = on.settings.webhook_address is not None
    return {
        "Template": TemplateSync(
            cluster,
            status,
            on.git,
            on.access,
            on.watch,
            on.clock,
            on.metrics,
            poll_interval=interval,
            commit_window=on.settings.commit_window,
            record_key=on.record_key,
            is_secret=logs.redactor.holds,
            updates=documents,
            sights=sights,
        ),
        "GitAccount": AccountCheck(
            cluster,
            on.access,
            AccountIdentities(providers, on.clock),
            on.queue.add,
            interval,
            webhooks.accounts if listens else None,
        ),
        "GitTrigger": TriggerIntake(
            cluster,
            status,
            TriggerLook(on.git, on.access, on.watch, providers, interval),
            TriggerLedger(status, TriggeredRuns(cluster, on.store, turns), on.metrics),
            documents,
            on.clock,
        ),
        "Run": runs,
        QUEUE: turns,
    }
