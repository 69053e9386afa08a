"""The guide to Runs does what it says: its Template is applied, its commands are called in order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from tests.env.conftest import Shared
from tests.support.command_line import CommandLine
from tests.support.ran import Source, deployer

GUIDE = Path(__file__).parents[2] / "docs/guides/runs.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

FAILS = "exits with 1"
DECIDED = ("approve", "reject")
"""What people say once a node waits for them."""


def test_the_commands_of_the_guide_to_runs_work(shared: Shared) -> None:
    blocks = BLOCK.findall(GUIDE.read_text())
    template = next(yaml.safe_load(text) for kind, text in blocks if kind == "yaml")
    template["metadata"]["namespace"] = shared.namespace
    deployer(shared.kubectl, shared.namespace)
    shared.kubectl.apply(template)
    shop = Source(shared.kubectl, shared.namespace, "shop")
    ebbflow = CommandLine(shared.kubectl.cluster.kubeconfig, shared.namespace)
    called = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
    for line in called:
        program, verb, *arguments = shlex.split(line, comments=True)
        if program == "kubectl":
            shared.kubectl.run(verb, *arguments, "-n", shared.namespace)
            continue
        if verb in DECIDED:
            shop.wait_phase(arguments[0], "Waiting")
        ebbflow(verb, *arguments, code=1 if FAILS in line else 0)
    assert len(called) > 10
    phases = {run["metadata"]["name"]: run["status"].get("phase") for run in shop.runs()}
    assert phases["shop-1"] == "Succeeded"
    assert phases["shop-2"] == "Failed"
    retried = next(run for run in shop.runs() if run["spec"].get("retryOf") == "shop-2")
    assert retried["spec"]["source"]["name"] == "shop"
    front = shared.kubectl.get("ConfigMap", "front", shared.namespace)
    assert front["data"]["colour"] in ("blue", "red")
