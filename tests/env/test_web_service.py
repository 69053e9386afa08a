"""The guide to a web service, as it is written, with pods that really run.

Only the addresses of the Git server and of Slack are other ones, and the images are made here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.builders import git_account, secret
from tests.support.command_line import CommandLine
from tests.support.job_runs import Place, message, place_on
from tests.support.message_server import MessageServer, message_server
from tests.support.ran import ENDED, Source
from tests.support.shop_image import BROKEN, COMPLAINT, write_shop_archive
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

EXAMPLE = Path(__file__).parents[1] / "support/examples/web-service"
DOCUMENT = (EXAMPLE / "shop.yaml").read_bytes()
RUN_SECONDS = 90.0
SLACK_PATH = "/services/T0/B0/who-knows-this-may-write"


@dataclass(frozen=True)
class Moment:
    """What there was when a Run had ended."""

    run: JsonObject
    secrets: dict[str, JsonObject]
    deployment: JsonObject
    pods: set[str]
    page: str
    told: list[JsonObject]

    @property
    def phases(self) -> dict[str, str]:
        """The phases of the steps, by their kinds."""
        steps = [one for one in self.run["status"]["nodes"] if one["kind"] != "Workflow"]
        return {one["kind"]: one["phase"] for one in steps}

    @property
    def jobs(self) -> str:
        """The label of what the Run made."""
        return f"ebbflow.dev/run={self.run['metadata']['name']}"


@dataclass(frozen=True)
class World:
    """The Template of the guide, its repository, and who listens."""

    place: Place
    slack: MessageServer

    @property
    def shop(self) -> Source:
        return Source(self.place.kubectl, self.place.namespace, "shop")

    @property
    def ebbflow(self) -> CommandLine:
        return CommandLine(self.place.cluster.kubeconfig, self.place.namespace)

    def push(self, version: str, phase: str = "Succeeded") -> Moment:
        """Change the version in the file as a person would, and wait until the Run of it ended."""
        before = {run["metadata"]["name"] for run in self.shop.runs()}
        changed = DOCUMENT.replace(b'"1.8.0"', f'"{version}"'.encode())
        self.place.git.commit("acme/infra", {"shop.yaml": changed}, f"Ship {version}")

        def started() -> list[str]:
            names = [run["metadata"]["name"] for run in self.shop.runs()]
            return [name for name in names if name not in before]

        (name,) = eventually(started, RUN_SECONDS, "the push to start a Run")
        return self.ended(name, phase)

    def ended(self, name: str, phase: str = "Succeeded") -> Moment:
        """Wait until a Run has ended, and check how; what there is then."""
        kubectl, namespace = self.place.kubectl, self.place.namespace
        run = kubectl.wait_for(
            "Run",
            name,
            namespace,
            lambda seen: seen.get("status", {}).get("phase") in ENDED,
            what="to end",
            timeout=RUN_SECONDS,
        )
        assert run["status"]["phase"] == phase, message(run)
        path = f"/api/v1/namespaces/{namespace}/pods"
        query = {"labelSelector": "app.kubernetes.io/name=shop"}
        pods = kubectl.api.call("GET", path, query=query)["items"]
        return Moment(
            run=run,
            secrets={
                each: kubectl.get("Secret", each, namespace)["data"]
                for each in ("shop-keys", "shop-db-credentials")
            },
            deployment=kubectl.get("Deployment", "shop", namespace),
            pods={
                one["metadata"]["uid"] for one in pods if "deletionTimestamp" not in one["metadata"]
            },
            page=self.page(),
            told=[json.loads(one.body) for one in self.slack.received],
        )

    def page(self) -> str:
        """Return what the service answers; a pod that is just ending may get no answer itself."""
        asked = ("timeout", "5", "wget", "-q", "-O", "-", "http://shop:8080/")
        where = ("-n", self.place.namespace, "deploy/shop", "--")

        def answered() -> str:
            done = self.place.kubectl.cluster.kubectl_run("exec", *where, *asked, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout

        return eventually(answered, 60, "the service to answer")

    def inside(self, *command: str) -> str:
        """Run a command in a pod of the service, without ebbflow."""
        where = ("-n", self.place.namespace, "deploy/shop", "--")
        return self.place.kubectl.run("exec", *where, *command)


@pytest.fixture(scope="module")
def world(
    node_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, process_group: int
) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("shop")
    archive = directory / "images.tar"
    write_shop_archive(archive)
    node_cluster.load_images(archive)
    hosts = "--allowed-hosts=127.0.0.1,localhost"
    with (
        message_server() as slack,
        place_on(node_cluster, directory, process_group, hosts) as place,
    ):
        made = World(place, slack)
        prepare(made)
        yield made


def prepare(world: World) -> None:
    """Do what the guide says before the first Run."""
    place = world.place
    place.git.create_repository("acme/infra", {"shop.yaml": DOCUMENT})
    for one in yaml.safe_load_all((EXAMPLE / "rights.yaml").read_text()):
        one["metadata"]["namespace"] = place.namespace
        for subject in one.get("subjects", ()):
            subject["namespace"] = place.namespace
        place.kubectl.apply(one)
    login = secret("acme").within(place.namespace).for_hosts("127.0.0.1")
    place.kubectl.apply(login.with_login("ebbflow", place.password).build())
    url = world.slack.url(SLACK_PATH, "localhost")
    place.kubectl.run(
        *("create", "secret", "generic", "slack", f"--from-literal=url={url}"),
        *("-n", place.namespace),
    )
    place.kubectl.apply(git_account("acme").within(place.namespace).using("acme").build())
    template = yaml.safe_load((EXAMPLE / "template.yaml").read_text())
    template["metadata"]["namespace"] = place.namespace
    template["spec"]["git"]["repository"] = place.git.url_of("acme/infra")
    place.kubectl.apply(template)
    place.kubectl.wait_condition("Template", "shop", place.namespace, "Ready", "True")


@pytest.fixture(scope="module")
def first(world: World) -> Moment:
    world.ebbflow("run", "shop", "--name", "shop-1")
    return world.ended("shop-1")


@pytest.fixture(scope="module")
def second(world: World, first: Moment) -> Moment:
    assert first.run
    return world.push("1.9.0")


@pytest.fixture(scope="module")
def third(world: World, second: Moment) -> Moment:
    assert second.run
    return world.push(BROKEN, "Failed")


def test_the_first_run_brings_everything_up(first: Moment) -> None:
    kinds = ["SecretGroup", "Addon", "JobRun", "DeploymentService", "Action", "Message"]
    assert first.phases == dict.fromkeys(kinds, "Succeeded")
    assert first.page == "shop 1.8.0, key of 32 characters\n"
    assert len(first.pods) == 2


def test_slack_is_told_what_the_command_in_the_service_said(first: Moment) -> None:
    assert first.told == [{"text": "shop 1.8.0 is out: schema 1"}]


def test_the_address_of_slack_and_the_passwords_are_nowhere(world: World, first: Moment) -> None:
    shown = json.dumps(first.run) + world.ebbflow("logs", "shop-1").out
    assert SLACK_PATH not in shown
    assert not [value for one in first.secrets.values() for value in one.values() if value in shown]


def test_a_push_of_another_tag_migrates_and_rolls_out(first: Moment, second: Moment) -> None:
    assert second.page == "shop 1.9.0, key of 32 characters\n"
    assert second.told[1:] == [{"text": "shop 1.9.0 is out: schema 2"}]
    assert not first.pods & second.pods


def test_secrets_are_made_once(first: Moment, second: Moment) -> None:
    assert second.secrets == first.secrets


def test_a_migration_that_fails_leaves_the_service_untouched(
    world: World, second: Moment, third: Moment
) -> None:
    assert third.phases["JobRun"] == "Failed"
    assert "Succeeded" not in (third.phases.get("DeploymentService"), third.phases.get("Message"))
    assert third.deployment["metadata"]["generation"] == second.deployment["metadata"]["generation"]
    assert (third.pods, third.page) == (second.pods, second.page)
    assert world.inside("shop", "check") == "schema 2\n"
    assert third.told == second.told


def test_the_end_of_the_migrations_log_is_in_the_message_of_the_run(third: Moment) -> None:
    said = message(third.run)
    assert "container main ended with exit code 1" in said
    assert f"numeric NOT NULL | {COMPLAINT}" in said


def test_the_log_of_the_migration_is_there_as_long_as_its_run(world: World, third: Moment) -> None:
    name = third.run["metadata"]["name"]
    assert world.ebbflow("logs", name, "migration").lines[-1] == COMPLAINT
    world.place.kubectl.delete("Run", name, world.place.namespace)
    eventually(lambda: not world.place.jobs(name), RUN_SECONDS, "the Job to go with its Run")
