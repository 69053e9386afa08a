"""GitAccount: a linked account on a Git provider, with its credentials and whom it may serve."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ebbflow.api.base import (
    ATOMIC,
    GROUP,
    CommonStatus,
    Declaration,
    Flag,
    Model,
    PolicyRule,
    PrinterColumn,
    Resource,
    Whole,
)
from ebbflow.api.lists import Distinct
from ebbflow.api.place import ServerAddress
from ebbflow.api.text import NO_TOKEN, Contain, Line, Name, Require, Rule

Provider = Literal["GitHub", "GitLab", "Bitbucket", "BitbucketDataCenter", "Gitea", "Git"]

DEFAULT_URLS: dict[str, str] = {
    "GitHub": "https://github.com",
    "GitLab": "https://gitlab.com",
    "Bitbucket": "https://bitbucket.org",
}
HOSTS_ANNOTATION = f"{GROUP}/hosts"
COMMITTER_NAME = "ebbflow"
COMMITTER_EMAIL = "ebbflow@ebbflow.dev"

_CERTIFICATES = Contain(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----",
    "must hold PEM certificates: blocks from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
)
_COMMITTER_NAME = Require(
    r"[^<>\x00-\x1f\x7f]*[^<>\x00-\x20\x7f][^<>\x00-\x1f\x7f]*",
    "must be a name as git takes it: one line of text without < and >",
)
_COMMITTER_EMAIL = Require(
    r"[^<>\x00-\x20\x7f]+", "must be an address as git takes it: without spaces, < and >"
)


class SecretReference(Model):
    """A Secret of the same namespace."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    name: Name = Field(description="The Secret's name.")


class Access(Model):
    """Which owners and repositories the account may be used for."""

    mode: Literal["All", "Restricted"] = Field(
        default="All",
        description="All repositories that the credentials reach, or only those listed.",
    )
    owners: Annotated[tuple[Annotated[Line, Field(max_length=256)], ...], Distinct()] = Field(
        default=(),
        max_length=256,
        description="With Restricted: users, organisations, groups or workspaces whose repositories may be used.",
    )
    repositories: Annotated[tuple[Annotated[Line, Field(max_length=512)], ...], Distinct()] = Field(
        default=(),
        max_length=256,
        description="With Restricted: globs over owner/name, such as acme-corp/*; they match whole names.",
    )


class LabelSelectorRequirement(Model):
    """One expression of a label selector."""

    key: str = Field(max_length=317, description="The label's key.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="How the label's value is compared with the values."
    )
    values: tuple[Annotated[str, Field(max_length=63)], ...] = Field(
        default=(), max_length=64, description="The values for In and NotIn."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            "give values with In and NotIn, and none with Exists and DoesNotExist",
        ),
    )

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            raise ValueError(self.rules[0].message)
        return self


class LabelSelector(Model):
    """A Kubernetes label selector; an empty one selects everything."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    match_labels: dict[str, Annotated[str, Field(max_length=63)]] = Field(
        default={},
        max_length=64,
        description="Labels that must have exactly these values.",
    )
    match_expressions: tuple[LabelSelectorRequirement, ...] = Field(
        default=(), max_length=64, description="Expressions that must all hold."
    )


class AllowedNamespaces(Model):
    """Whose Templates may use the account from other namespaces."""

    from_: Literal["Same", "All", "Selector"] = Field(
        default="Same",
        alias="from",
        description="Only the account's own namespace, all, or those that the selector matches.",
    )
    selector: LabelSelector | None = Field(
        default=None, description="Labels of the namespaces, with from: Selector."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.from) || self.from != 'Selector' || has(self.selector)",
            "from: Selector needs a selector: give the labels of the namespaces in selector",
        ),
    )

    @model_validator(mode="after")
    def _selector_given(self) -> Self:
        if self.from_ == "Selector" and self.selector is None:
            raise ValueError(self.rules[0].message)
        return self


class Webhooks(Model):
    """What deliveries of webhooks are verified with."""

    manage: Flag = Field(
        default=True,
        description="Whether the operator makes the secret that webhooks are signed with.",
    )
    rotation: Annotated[Line, Field(max_length=128)] | None = Field(
        default=None,
        description="A new value makes a new secret; the one before counts for 24 hours more.",
    )
    secret_ref: SecretReference | None = Field(
        default=None,
        description="The secret by hand (manage: false): keys secret and, while rotating, previous.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.secretRef) || (has(self.manage) && !self.manage)",
            "secretRef is for webhooks made by hand: set manage to false",
        ),
    )

    @model_validator(mode="after")
    def _secret_when_by_hand(self) -> Self:
        if self.secret_ref is not None and self.manage:
            raise ValueError(self.rules[0].message)
        return self


class Committer(Model):
    """Who stands as committer on the operator's commits."""

    name: Annotated[str, Field(max_length=256), _COMMITTER_NAME, NO_TOKEN] = Field(
        default=COMMITTER_NAME, description="The committer's name."
    )
    email: Annotated[str, Field(max_length=256), _COMMITTER_EMAIL, NO_TOKEN] = Field(
        default=COMMITTER_EMAIL, description="The committer's address."
    )


class Signing(Model):
    """With which key commits are signed."""

    secret_ref: SecretReference = Field(
        description="The Secret whose key privateKey signs commits: an ssh-ed25519 key without a passphrase, as ssh-keygen writes it."
    )


class GitAccountSpec(Model):
    """What the account is."""

    provider: Provider = Field(
        description="Which kind of server: Git is any server without an API of its own."
    )
    url: ServerAddress | None = Field(
        default=None,
        description="The server's address, such as https://git.acme.dev. Absent: the provider's hosted one.",
    )
    secret_ref: SecretReference | None = Field(
        default=None,
        description="The Secret with the credentials; its keys decide the method, and its annotation ebbflow.dev/hosts the hosts that it may be sent to.",
    )
    ca_bundle: Annotated[str, Field(max_length=262144), _CERTIFICATES, NO_TOKEN] | None = Field(
        default=None,
        description="PEM certificates to trust for self-hosted servers, beside the system's.",
    )
    access: Access = Field(default=Access(), description="Which repositories it may be used for.")
    allowed_namespaces: AllowedNamespaces = Field(
        default=AllowedNamespaces(), description="Which namespaces may use it."
    )
    webhooks: Webhooks = Field(default=Webhooks(), description="Webhooks at the provider.")
    committer: Committer = Field(
        default=Committer(), description="Who stands as committer on commits by this account."
    )
    signing: Signing | None = Field(default=None, description="Sign commits with this key.")
    suspend: Flag = Field(default=False, description="Stop reconciling the account.")

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.url) || !(self.provider in ['BitbucketDataCenter', 'Gitea'])",
            "url is required for self-hosted providers: give the address of the server",
        ),
    )

    @model_validator(mode="after")
    def _url_given(self) -> Self:
        if self.url is None and self.provider in ("BitbucketDataCenter", "Gitea"):
            raise ValueError(self.rules[0].message)
        return self

    @property
    def server_url(self) -> str | None:
        """The address of the server, with the hosted ones' filled in; None for any server."""
        return self.url or DEFAULT_URLS.get(self.provider)


class WebhookStatus(Model):
    """One webhook at the provider."""

    repository: str = Field(max_length=2048, description="The repository.")
    id: str = Field(
        max_length=256, description="The provider's id of the webhook; empty where it tells none."
    )
    state: str = Field(max_length=64, description="Received: deliveries come.")
    last_delivery_at: str | None = Field(
        default=None, max_length=64, description="When the last delivery came."
    )


class RateLimit(Model):
    """What the provider's API still allows."""

    remaining: Whole = Field(ge=0, description="Requests left in this window.")
    resets_at: str | None = Field(default=None, max_length=64, description="When the window ends.")


class GitAccountStatus(CommonStatus):
    """What the operator found out about the account."""

    login: str | None = Field(default=None, max_length=256, description="The account's login.")
    method: str | None = Field(
        default=None,
        max_length=64,
        description="How it authenticates: None, Basic, Token, SSH, ...",
    )
    owners: tuple[Annotated[str, Field(max_length=256)], ...] | None = Field(
        default=None, max_length=256, description="Owners that the credentials reach."
    )
    missing_scopes: tuple[Annotated[str, Field(max_length=256)], ...] | None = Field(
        default=None, max_length=64, description="Scopes that the credentials lack."
    )
    webhook_path: str | None = Field(
        default=None, max_length=512, description="Where the provider's webhooks are received."
    )
    webhook_url: str | None = Field(
        default=None,
        alias="webhookURL",
        max_length=2048,
        description="The same with --webhook-url in front.",
    )
    webhook_secret: str | None = Field(
        default=None,
        max_length=253,
        description="The Secret that signs deliveries: give the value of its key secret to the provider.",
    )
    webhooks: tuple[WebhookStatus, ...] | None = Field(
        default=None,
        max_length=100,
        description="Webhooks that delivered something, by repository.",
    )
    rate_limit: RateLimit | None = Field(default=None, description="The provider's rate limit.")


class GitAccount(Resource):
    """A linked account on a Git provider: credentials, whom it may serve, its webhooks."""

    spec: GitAccountSpec
    status: GitAccountStatus = GitAccountStatus()

    declaration: ClassVar[Declaration] = Declaration(
        kind="GitAccount",
        plural="gitaccounts",
        description="A linked account on a Git provider: credentials, whom it may serve, its webhooks.",
        short_names=("ga",),
        columns=(
            PrinterColumn("Provider", ".spec.provider"),
            PrinterColumn("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            PrinterColumn("Status", '.status.conditions[?(@.type=="Ready")].message'),
            PrinterColumn("URL", ".spec.url", priority=1),
            PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
        ),
        selectable_fields=(".spec.provider",),
        policy=(
            PolicyRule(
                GROUP,
                ("gitaccounts",),
                ("get", "list", "watch"),
                "to know the accounts, and to look one up that a Template names",
            ),
            PolicyRule(
                GROUP, ("gitaccounts/status",), ("patch",), "to say whether an account can be used"
            ),
            PolicyRule(
                "",
                ("secrets",),
                ("get",),
                "to read the Secret that a GitAccount names, by its name; Secrets are never listed",
            ),
            PolicyRule(
                "",
                ("secrets",),
                ("create",),
                "to make the secret that an account's webhooks are signed with; it changes and deletes none",
            ),
            PolicyRule(
                "",
                ("namespaces",),
                ("get",),
                "to compare a namespace's labels with a GitAccount's allowedNamespaces.selector",
                namespaced=False,
            ),
        ),
    )
