"""GitAccounts: say whether an account can be used, before a Template finds out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ebbflow.api.base import Key
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.reasons import Reason
from ebbflow.domain.access import Method, Refused, method_of, signing_key_of
from ebbflow.domain.outcome import Done, Outcome, Report, Stalled, Waiting
from ebbflow.domain.ports import Cluster, SecretObject, Wake
from ebbflow.services.accounts.account_identity import AccountIdentities
from ebbflow.services.accounts.account_webhooks import AccountWebhooks, Shown
from ebbflow.services.outcomes import SUSPENDED
from ebbflow.services.repositories.git_access import GitAccess, read_secret, read_signing_secret


class AccountCheck:
    """Reconciles one GitAccount: its Secret exists, is complete and says for which hosts it is.

    Where the provider has an API, it is asked whose credentials these are. `webhooks`: None where no
    receiver listens.
    """

    def __init__(
        self,
        cluster: Cluster,
        access: GitAccess,
        identities: AccountIdentities,
        wake: Wake,
        recheck: timedelta,
        webhooks: AccountWebhooks | None,
    ) -> None:
        self._cluster = cluster
        self._identities = identities
        self._access = access
        self._wake = wake
        self._recheck = recheck
        self._webhooks = webhooks
        self._last: dict[Key, tuple[int, Outcome]] = {}

    async def reconcile(self, key: Key) -> Report | None:
        """Make one pass; None if there is nothing to say: the account is gone.

        Raises ClusterError, InvalidObject.
        """
        account = await self._cluster.get(GitAccount, key.namespace, key.name)
        if account is None or account.metadata.deletion_timestamp:
            self._forget(key)
            return None
        self._access.remember(account)
        report = await self._check(account)
        shown = Shown() if self._webhooks is None else await self._webhooks.look(account)
        return replace(
            report,
            outcome=_with_webhooks(report.outcome, shown),
            status=report.status | shown.fields,
        )

    def _forget(self, key: Key) -> None:
        self._access.drop(key)
        self._identities.forget(key)
        self._last.pop(key, None)
        if self._webhooks is not None:
            self._webhooks.drop(key)
        self._wake_users(key)

    async def _check(self, account: GitAccount) -> Report:
        """Say how the account stands, and have its users look again if that is new."""
        secret = await read_secret(self._cluster.get_secret, account)
        method = method_of(account, secret)
        signing_secret = await read_signing_secret(self._cluster.get_secret, account)
        signing_key = signing_key_of(account, signing_secret)
        outcome = self._judge(signing_key if isinstance(signing_key, Refused) else method)
        status = {} if isinstance(method, Refused) else {"method": method.name}
        now = account.metadata.generation, outcome
        if self._last.get(account.key) != now:
            self._last[account.key] = now
            self._wake_users(account.key)
        if account.spec.suspend:
            # Whoever uses it finds out all the same; this only says that nobody looks after it.
            return Report(account, SUSPENDED, status)
        return await self._ask_provider(account, secret, Report(account, outcome, status))

    async def _ask_provider(
        self, account: GitAccount, secret: SecretObject | None, report: Report
    ) -> Report:
        if not isinstance(report.outcome, Done):
            return report
        look = await self._identities.look(account, secret)
        if isinstance(look, Refused):
            return replace(report, outcome=self._judge(look))
        outcome = look.judge(report.outcome, self._recheck)
        return replace(report, outcome=outcome, status=report.status | look.status)

    def _judge(self, method: Method | Refused) -> Outcome:
        match method:
            case Refused(reason, message):
                # Secrets are not watched (that would need a list of them all): look again.
                return Stalled(reason, message, self._recheck)
            case Method(_, None):
                return Done(Reason.ACCOUNT_READY, "Without credentials: for public repositories")
            case Method(name, _):
                return Done(Reason.ACCOUNT_READY, f"Authenticates by {name}")

    def _wake_users(self, account: Key) -> None:
        for user in self._access.users(account):
            self._wake(user)


def _with_webhooks(outcome: Outcome, shown: Shown) -> Outcome:
    """Return the outcome with what is to be said of webhooks; an account works without them."""
    match outcome:
        case Done(message=message) if shown.fields:
            trouble = f"; its webhooks do not: {shown.trouble}" if shown.trouble else ""
            sooner = min((at for at in (outcome.after, shown.after) if at), default=None)
            return replace(outcome, message=message + trouble, after=sooner)
        case Done() | Waiting() | Stalled():
            return outcome
