"""GitAccount: a linked account on a Git provider, with its credentials and whom it may serve."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ebbflow.api.base import (
    GROUP,
    CommonStatus,
    Declaration,
    Model,
    Name,
    PolicyRule,
    PrinterColumn,
    Resource,
    Rule,
)

Provider = Literal["GitHub", "GitLab", "Bitbucket", "BitbucketDataCenter", "Gitea", "Git"]

DEFAULT_URLS: dict[str, str] = {
    "GitHub": "https://github.com",
    "GitLab": "https://gitlab.com",
    "Bitbucket": "https://bitbucket.org",
}
HOSTS_ANNOTATION = f"{GROUP}/hosts"
COMMITTER_NAME = "ebbflow"
COMMITTER_EMAIL = "ebbflow@ebbflow.dev"

CREDENTIALS_IN_URL = Rule(
    rule=r"!self.matches('^https?://[^/]*@') && !self.matches('^[a-z+]+://[^/@]*:[^/@]*@')",
    message="must not hold a user or password: put them into a Secret and name it in a GitAccount's spec.secretRef",
)


class SecretReference(Model):
    """A Secret of the same namespace."""

    name: Name = Field(description="The Secret's name.")


class Access(Model):
    """Which owners and repositories the account may be used for."""

    mode: Literal["All", "Restricted"] = Field(
        default="All",
        description="All repositories that the credentials reach, or only those listed.",
    )
    owners: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = Field(
        default=(),
        max_length=256,
        description="With Restricted: users, organisations, groups or workspaces whose repositories may be used.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    repositories: tuple[Annotated[str, Field(min_length=1, max_length=512)], ...] = Field(
        default=(),
        max_length=256,
        description="With Restricted: globs over owner/name, such as acme-corp/*; they match whole names.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
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


class LabelSelector(Model):
    """A Kubernetes label selector; an empty one selects everything."""

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
            rule="!has(self.from) || self.from != 'Selector' || has(self.selector)",
            message="from: Selector needs a selector",
        ),
    )

    @model_validator(mode="after")
    def _selector_given(self) -> Self:
        if self.from_ == "Selector" and self.selector is None:
            raise ValueError(self.rules[0].message)
        return self


class Webhooks(Model):
    """How webhooks at the provider are made."""

    manage: bool = Field(
        default=True, description="Whether the operator creates webhooks at the provider."
    )
    rotation: str | None = Field(
        default=None,
        max_length=128,
        description="A new value makes a new secret and re-creates the webhooks.",
    )
    secret_ref: SecretReference | None = Field(
        default=None,
        description="For webhooks made by hand: keys secret and, while rotating, previous.",
    )


class Committer(Model):
    """Who stands as committer on the operator's commits."""

    name: str = Field(
        default=COMMITTER_NAME,
        min_length=1,
        max_length=256,
        pattern=r"^[^<>\n\r\x00]+$",
        description="The committer's name.",
    )
    email: str = Field(
        default=COMMITTER_EMAIL,
        min_length=1,
        max_length=256,
        pattern=r"^[^<>\s\x00]+$",
        description="The committer's address.",
    )


class Signing(Model):
    """With which key commits are signed."""

    secret_ref: SecretReference = Field(description="The Secret that holds the SSH signing key.")


class GitAccountSpec(Model):
    """What the account is."""

    provider: Provider = Field(
        description="Which kind of server: Git is any server without an API of its own."
    )
    url: str | None = Field(
        default=None,
        max_length=2048,
        pattern=r"^(https?|ssh)://[^/\s]+(/\S*)?$",
        description="The server's address, such as https://git.acme.dev. Absent: the provider's hosted one.",
    )
    secret_ref: SecretReference | None = Field(
        default=None,
        description="The Secret with the credentials; its keys decide the method, and its annotation ebbflow.dev/hosts the hosts that it may be sent to.",
    )
    ca_bundle: str | None = Field(
        default=None,
        max_length=262144,
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
    suspend: bool = Field(default=False, description="Stop reconciling the account.")

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            rule="has(self.url) || !(self.provider in ['BitbucketDataCenter', 'Gitea'])",
            message="url is required for self-hosted providers: give the address of the server",
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
    id: str = Field(max_length=256, description="The provider's id of the webhook.")
    state: str = Field(max_length=64, description="What the provider says of it.")
    last_delivery_at: str | None = Field(
        default=None, max_length=64, description="When the last delivery came."
    )


class RateLimit(Model):
    """What the provider's API still allows."""

    remaining: int = Field(description="Requests left in this window.")
    resets_at: str | None = Field(default=None, max_length=64, description="When the window ends.")


class GitAccountStatus(CommonStatus):
    """What the operator found out about the account."""

    login: str | None = Field(default=None, max_length=256, description="The account's login.")
    method: str | None = Field(
        default=None, max_length=64, description="How it authenticates: None, Basic, Token, ..."
    )
    owners: tuple[str, ...] | None = Field(
        default=None, max_length=256, description="Owners that the credentials reach."
    )
    missing_scopes: tuple[str, ...] | None = Field(
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
    webhooks: tuple[WebhookStatus, ...] | None = Field(
        default=None, max_length=100, description="Webhooks made by the operator."
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
                ("namespaces",),
                ("get",),
                "to compare a namespace's labels with a GitAccount's allowedNamespaces.selector",
            ),
        ),
    )
