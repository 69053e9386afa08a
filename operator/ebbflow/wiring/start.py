"""Starting the operator, and what it listens on."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from contextlib import AsyncExitStack

from ebbflow.adapters import logs
from ebbflow.adapters.admission.credentials import Credentials
from ebbflow.adapters.admission.plan import plan
from ebbflow.adapters.admission.receiver import AdmissionReceiver
from ebbflow.adapters.clock import SystemClock
from ebbflow.adapters.kube.client import KubeClient
from ebbflow.adapters.kube.connection import NoCluster
from ebbflow.adapters.kube.credential_secret import CredentialSecret
from ebbflow.adapters.kube.election import LeaseUnavailable
from ebbflow.adapters.kube.guarded import DOCUMENT_MANAGER
from ebbflow.adapters.kube.identity import own_user
from ebbflow.adapters.kube.webhook import WebhookRegistration
from ebbflow.adapters.metrics import Metrics
from ebbflow.adapters.probes import CannotListen, HttpServer, serve_health, serve_metrics
from ebbflow.api.rbac import CREDENTIAL_SECRET
from ebbflow.domain.secret import Tainted
from ebbflow.settings import Settings
from ebbflow.wiring.elections import lease_name, own_namespaces, serves
from ebbflow.wiring.foundation import lay
from ebbflow.wiring.operator import operator_on
from ebbflow.wiring.webhooks import Webhooks

log = logging.getLogger(__name__)

CANNOT_START = 2

GARBAGE_OBJECTS = 10_000
"""New objects until the garbage collector looks at them; Python's own 700 is for small programs."""


def main(settings: Settings) -> int:
    """Run the operator until it is told to stop; returns the exit code."""
    logs.configure(settings.log_format, settings.log_level)
    _spare_the_collector()
    try:
        return asyncio.run(_run(settings))
    except (NoCluster, CannotListen, LeaseUnavailable) as error:
        _say(settings, error)
        return CANNOT_START


def _spare_the_collector() -> None:
    """Have the garbage collector look less often, and never at what was imported.

    Its looks at all that lives took a tenth of the time while many objects came, and held
    everything up for a fifth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 10, 10)


def _say(settings: Settings, error: Exception) -> None:
    """Tell people in three lines why there is no operator; machines get one JSON line."""
    if settings.log_format == "json":
        log.error("%s", error)
    else:
        sys.stderr.write(f"ebbflow: {error}\n")


async def _run(settings: Settings) -> int:
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        client = await KubeClient.load(metrics)
        stack.push_async_callback(client.close)
        if token := (await client.connection_info()).token:
            logs.register_secret(token)
        receiver = _receiver(settings, client, metrics)
        foundation = lay(settings, client, metrics, receiver, stack)
        webhooks = Webhooks(foundation)
        operator = operator_on(foundation, webhooks, receiver)
        health = await serve_health(settings.health_address, operator.ailments, operator.problems)
        stack.push_async_callback(health.stop)
        served = await serve_metrics(settings.metrics_address, metrics.render)
        stack.push_async_callback(served.stop)
        if settings.webhook_address is not None:
            await webhooks.listen(settings.webhook_address)
            stack.push_async_callback(webhooks.close)
        stack.push_async_callback(_cancel, asyncio.create_task(receiver.run()))
        log.info(
            "listening: health on %s, metrics on %s",
            _text(health),
            _text(served),
            extra={"health": _text(health), "metrics": _text(served)},
        )
        return await operator.run()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _text(server: HttpServer) -> str:
    return f"{server.address.host}:{server.address.port}"


def _receiver(settings: Settings, client: KubeClient, metrics: Metrics) -> AdmissionReceiver:
    def keep_out_of_logs(credentials: Credentials) -> None:
        logs.register_secret(Tainted(credentials.record_key.hex()))
        logs.register_secret(Tainted(credentials.path_token))

    lease, shard = lease_name(settings), settings.shard
    return AdmissionReceiver(
        plan(settings, os.environ, lease, lambda place: serves(shard, place), DOCUMENT_MANAGER),
        CredentialSecret(client, own_namespaces(), CREDENTIAL_SECRET),
        WebhookRegistration(client),
        lambda: own_user(client),
        keep_out_of_logs,
        SystemClock(),
        metrics,
    )
