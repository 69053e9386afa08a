"""Git triggers in env tests: a repository, a Template that tells what started it, a trigger on both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ebbflow.devcluster.gitrepository import Content, GitRepository
from ebbflow.devcluster.gitserver import GitServer
from tests.support.builders import git_trigger
from tests.support.kubectl import Kubectl
from tests.support.ran import Source, config_map, source, steps_document
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

SOON = 20.0
TOLD = ("branch", "sha", "message", "author", "tag", "repoUrl")


@dataclass(frozen=True, slots=True)
class Following:
    """One GitTrigger, and the Template that it starts."""

    kubectl: Kubectl
    source: Source

    @property
    def name(self) -> str:
        """The trigger's name is the Template's."""
        return self.source.name

    def status(self) -> JsonObject:
        """The trigger's status as it is now."""
        found = self.kubectl.get("GitTrigger", self.name, self.source.namespace)
        return dict(found.get("status", {}))

    def deliveries(self) -> list[JsonObject]:
        """The verdicts, newest first."""
        return list(self.status().get("deliveries", ()))

    def verdict_on(self, commit: str) -> JsonObject:
        """Wait for the final verdict on a move to this commit; the verdict."""

        def found() -> JsonObject | None:
            mine = [d for d in self.deliveries() if d.get("after") == commit]
            return (
                mine[0] if mine and (mine[0]["verdict"] != "Fired" or mine[0].get("runs")) else None
            )

        return eventually(found, SOON, f"a verdict of {self.name} on {commit[:12]}")

    def run_for(self, commit: str) -> JsonObject:
        """Wait for the one Run that a move to this commit starts, and for its success; the Run."""
        verdict = self.verdict_on(commit)
        assert verdict["verdict"] == "Fired", verdict
        (name,) = verdict["runs"]
        return self.source.wait_end(name)

    def edit(self, **spec: Any) -> None:
        """Change fields of the trigger's spec."""
        self.kubectl.patch("GitTrigger", self.name, self.source.namespace, {"spec": spec})

    def told(self) -> JsonObject:
        """What the newest run wrote down of what started it."""
        return dict(
            self.kubectl.get("ConfigMap", f"{self.name}-told", self.source.namespace)["data"]
        )

    def wait_ready(self, status: str = "True") -> JsonObject:
        """Wait until the trigger has looked; the trigger."""
        return self.kubectl.wait_condition(
            "GitTrigger", self.name, self.source.namespace, "Ready", status
        )


@dataclass(frozen=True, slots=True)
class Triggered(Following):
    """A trigger with its repository on the test's own Git server."""

    git: GitServer
    repository: str

    @property
    def bare(self) -> GitRepository:
        """The repository on the server's disk."""
        return self.git.repository(self.repository)

    def push(
        self, files: Mapping[str, Content], message: str = "Change", *, branch: str = "main"
    ) -> str:
        """Commit onto a branch, as a push of one commit does; its id."""
        return self.git.commit(self.repository, files, message, branch=branch)


def trigger_of(
    kubectl: Kubectl,
    server: GitServer,
    namespace: str,
    name: str,
    account: str,
    *,
    robot: str,
    files: Mapping[str, Content] | None = None,
    template: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Triggered:
    """Make a repository, a Template that writes down what started it, and a trigger that has looked."""
    server.create_repository(name, files or {"README.md": b"# Shop\n"})
    spec = {"type": "Push", "branches": ["main"], **spec}
    place = {"accountRef": {"name": account}, "repository": server.url_of(name)}
    made = follow(kubectl, namespace, name, place, TOLD, robot=robot, template=template, **spec)
    return Triggered(kubectl, made.source, server, name)


def follow(
    kubectl: Kubectl,
    namespace: str,
    name: str,
    place: JsonObject | None,
    told: Iterable[str],
    *,
    robot: str,
    template: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Following:
    """Make a Template that writes down these values, and a trigger that has looked; `place`: its spec.git."""
    values = {key: f"${{refs.trigger.{key}}}" for key in told}
    document = steps_document(config_map(f"{name}-told", **values), **(template or {}))
    target = source(kubectl, namespace, name, document, serviceAccountName=robot)
    body = {
        "git": place,
        "targets": [{"kind": "Template", "name": name}],
        "interval": "1s",
        **spec,
    }
    given = {field: value for field, value in body.items() if value is not None}
    kubectl.create(git_trigger(name).within(namespace).spec(**given).build())
    made = Following(kubectl, target)
    made.wait_ready()
    return made
