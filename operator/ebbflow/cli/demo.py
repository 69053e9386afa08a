"""`ebbflow demo`: the two-way loop, shown with real `git` and `kubectl` on a real API server."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from ebbflow.cli.demo_stage import NO_STEPS, PATH, STEPS, TENANT, DemoFailed, Stage, set_up
from ebbflow.devcluster.trouble import DevClusterError

GRACE = ("--as=grace@example.com", "--as-group=system:masters")
"""A second person, by impersonation: the cluster of the demo has no other way to log in."""

PATIENCE = 30.0  # seconds for a change to get to the other side; it takes about one


@click.command()
@click.option("--once", is_flag=True, help="Check each step and exit, instead of staying up.")
def demo(*, once: bool) -> None:
    """Show the two-way loop: a push reaches the cluster, an edit becomes a commit, and the new
    document runs.

    Needs neither a cluster nor a container engine nor an account anywhere. It stays up to play
    with until Ctrl-C.
    """
    # SIGTERM ends the demo as Ctrl-C does: everything that it started goes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            narrator = _Narrator(console)
            stage = set_up(stack, narrator)
            narrator.finish()
            Demo(stage, console).play()
            console.print(f"\n[bold green]Both ways work.[/] ({time.monotonic() - began:.1f} s)")
            if not once:
                _stay_up(stage, console)
    except (DevClusterError, DemoFailed) as error:
        console.print(f"\n[bold red]The demo failed:[/] {escape(str(error))}")
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("\nEnded; nothing is left behind.")


class _Narrator:
    """Says each step, and how long the one before it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began: float | None = None

    def finish(self) -> None:
        """Say how long the last step took."""
        if self._began is not None:
            self._console.print(f"  [dim]{time.monotonic() - self._began:.1f} s[/]")

    def __call__(self, line: str) -> None:
        self.finish()
        self._began = time.monotonic()
        self._console.print(f"[bold]==>[/] {escape(line)}")


class Demo:
    """The steps, each checked."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self._stage = stage
        self._console = console

    def play(self) -> None:
        """Play all steps; raises DemoFailed at the first that does not come out as it must."""
        self._first_sync()
        self._push()
        self._edit()
        self._merge()
        self._conflict()
        self._run()

    def _first_sync(self) -> None:
        self._title("A Template names a file in Git; the file's content becomes its document")
        self._stage.apply(self._stage.manifests())
        self._measure("in step", lambda: self._replicas() == "2" and self._ready())
        self._show(["kubectl", "get", "templates.ebbflow.dev"])

    def _push(self) -> None:
        self._title("A push reaches the cluster")
        self._edit_file('REPLICAS: "2"', 'REPLICAS: "3"')
        self._commit_and_push("Three replicas")
        self._measure("git push → object in the cluster", lambda: self._replicas() == "3")
        self._show(
            [
                *("kubectl", "get", "templates.ebbflow.dev", "shop"),
                *("-o", "jsonpath={.spec.document.arguments}"),
            ]
        )

    def _edit(self) -> None:
        self._title("A kubectl edit becomes a commit, and the comments stay")
        editor = self._stage.home / "editor.py"
        editor.write_text(
            "import pathlib, sys\n"
            "file = pathlib.Path(sys.argv[1])\n"
            "file.write_text(file.read_text().replace('REPLICAS: \"3\"', 'REPLICAS: \"5\"'))\n"
        )
        before = self._remote_head()
        self._show(
            ["kubectl", *GRACE, "edit", "templates.ebbflow.dev", "shop"],
            KUBE_EDITOR=f"{sys.executable} {editor}",
        )
        self._measure(
            "kubectl edit → commit in Git, after 2 s for more edits",
            lambda: self._remote_head() != before,
        )
        self._show(["git", "pull", "--quiet"], True)
        shown = self._show(["git", "show"], True)
        changed = [
            line
            for line in shown.splitlines()
            if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))
        ]
        if changed != ['-  REPLICAS: "3"     # how many', '+  REPLICAS: "5"     # how many']:
            raise DemoFailed("the commit changes other lines than the edited one")
        self._measure("in step again", self._ready)

    def _merge(self) -> None:
        self._title("Two people edit at once, on both sides: nothing is lost")
        self._patch("REPLICAS", "7")
        self._edit_file("GREETING: 'hello'", "GREETING: 'welcome'")
        self._commit_and_push("Greet warmly")
        self._measure("both edits on both sides", lambda: self._holds("7", "welcome"))
        self._show(["git", "pull", "--quiet"], True)
        log = self._show(["git", "log", "-3", "--format=%h  %<(22)%an %s"], True)
        newest = log.splitlines()[0]
        if "grace@example.com" not in newest:
            raise DemoFailed(f"the newest commit does not name who made the edit: {newest}")

    def _conflict(self) -> None:
        self._title("Both change the same field: nobody's edit is thrown away, a person decides")
        self._patch("GREETING", "hola")
        self._edit_file("GREETING: 'welcome'", "GREETING: 'bonjour'")
        self._commit_and_push("Greet in French")
        self._measure(
            "conflict reported", lambda: "bonjour" in self._field("status.sync.conflicts")
        )
        conflicts = "jsonpath={.status.sync.conflicts}{'\\n'}"
        self._show(["kubectl", "get", "templates.ebbflow.dev", "shop", "-o", conflicts])
        self._show(
            [
                *("kubectl", *GRACE, "annotate", "templates.ebbflow.dev", "shop"),
                "ebbflow.dev/resolve=cluster",
            ]
        )
        self._measure("resolved, on both sides", lambda: self._holds("7", "hola"))
        self._show(["git", "pull", "--quiet"], True)
        self._show(["git", "log", "-2", "--format=%h  %<(22)%an %s"], True)
        if "'hola' # what visitors see" not in (self._stage.clone / PATH).read_text():
            raise DemoFailed("the file does not hold the edit that won, with its comment")

    def _run(self) -> None:
        self._title("A push runs what the document describes, as the tenant's own ServiceAccount")
        self._stage.apply(TENANT)
        patch = json.dumps({"spec": {"runOnUpdate": True, "serviceAccountName": "shop-deployer"}})
        self._show(
            ["kubectl", "patch", "templates.ebbflow.dev", "shop", "--type=merge", "-p", patch]
        )
        self._measure("updates are watched", lambda: bool(self._field("status.updated")))
        self._console.print(f"[bold]$[/] edit {PATH}")
        file = self._stage.clone / PATH
        file.write_text(file.read_text().replace(NO_STEPS, STEPS))
        self._commit_and_push("Say what to make")
        self._measure("git push → run", lambda: bool(self._runs()))
        self._show(["ebbflow", "watch", self._runs()[0]])
        shown = self._show(["kubectl", "get", "configmap", "page", "-o", "jsonpath={.data.text}"])
        if not shown.startswith("hola, served by settings "):
            raise DemoFailed(f"the run made something else: {shown}")

    def _runs(self) -> list[str]:
        answer = self._stage.cluster.request(
            "GET", "/apis/ebbflow.dev/v1alpha1/namespaces/default/runs"
        ).json()
        return [item["metadata"]["name"] for item in answer.get("items", ())]

    def _patch(self, argument: str, value: str) -> None:
        patch = json.dumps({"spec": {"document": {"arguments": {argument: value}}}})
        command = ["patch", "templates.ebbflow.dev", "shop", "--type=merge", "-p", patch]
        self._show(["kubectl", *GRACE, *command])

    def _commit_and_push(self, message: str) -> None:
        self._show(["git", "commit", "--quiet", "--all", "--message", message], True)
        self._show(["git", "push", "--quiet"], True)

    def _holds(self, replicas: str, greeting: str) -> bool:
        """Tell whether both sides hold these arguments, and the object says so."""
        file = self._stage.git.show("shop", "main", PATH).decode()
        arguments = ("spec.document.arguments.REPLICAS", "spec.document.arguments.GREETING")
        return (
            tuple(map(self._field, arguments)) == (replicas, greeting)
            and f'REPLICAS: "{replicas}"' in file
            and f"GREETING: '{greeting}'" in file
            and self._ready()
        )

    def _edit_file(self, old: str, new: str) -> None:
        self._console.print(f"[bold]$[/] sed -i {escape(repr(f's/{old}/{new}/'))} {PATH}")
        file = self._stage.clone / PATH
        file.write_text(file.read_text().replace(old, new))

    def _title(self, text: str) -> None:
        self._console.print(f"\n[bold cyan]{escape(text)}[/]")

    def _show(self, command: list[str], in_clone: bool = False, **variables: str) -> str:
        self._console.print(f"[bold]$[/] {escape(shlex.join(command))}")
        cwd: Path | None = self._stage.clone if in_clone else None
        output = self._stage.must(command, cwd, **variables)
        if output.strip():
            self._console.print(escape(output.rstrip()))
        return output

    def _measure(self, what: str, reached: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not reached():
            if time.monotonic() - began > PATIENCE:
                state = self._stage.run(["kubectl", "describe", "templates.ebbflow.dev", "shop"])
                raise DemoFailed(f"{what}: not after {PATIENCE:.0f} s\n{state.output}")
            time.sleep(0.02)
        self._console.print(f"  [green]✔[/] {what}: [bold]{time.monotonic() - began:.2f} s[/]")

    def _field(self, path: str) -> str:
        answer = self._stage.cluster.request(
            "GET", "/apis/ebbflow.dev/v1alpha1/namespaces/default/templates/shop"
        )
        value = answer.json() if answer.ok else {}
        for key in path.split("."):
            value = value.get(key) or {}
        return str(value)

    def _replicas(self) -> str:
        return self._field("spec.document.arguments.REPLICAS")

    def _ready(self) -> bool:
        answer = self._stage.cluster.request(
            "GET", "/apis/ebbflow.dev/v1alpha1/namespaces/default/templates/shop"
        ).json()
        status = answer.get("status", {})
        return status.get("observedGeneration") == answer["metadata"]["generation"] and any(
            c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ())
        )

    def _remote_head(self) -> str | None:
        return self._stage.git.head("shop")


def _stay_up(stage: Stage, console: Console) -> None:
    console.print(
        f"""
It stays up until Ctrl-C. In another terminal:

  export KUBECONFIG={stage.cluster.kubeconfig}
  export PATH={stage.cluster.kubectl.parent}:$PATH
  cd {stage.clone}

  kubectl get templates.ebbflow.dev -w
  sed -i 's/hello/welcome/' {PATH} && git commit -am "Greet" && git push
  kubectl edit templates.ebbflow.dev shop        # then: git pull && git log -p

The operator's log: {stage.operator_log}""",
        markup=False,
    )
    while True:
        signal.pause()
