"""Random edits of a document, the same for both sides; every value that is written is a new one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.random_history.registers import JsonObject

ARGUMENTS = ("A", "B", "C", "D", "E", "F")
FIELDS = ("f", "g", "h")
REFS = ("r0", "r1", "r2", "r3", "r4")
KINDS = ("Manifest", "Job", "Delay")
SHAPES: tuple[Callable[[str], Any], ...] = (
    lambda mark: f"v{mark}",
    lambda mark: f"v{mark}",
    lambda mark: int(mark.replace("-", "0")) + 10_000_000,
    lambda mark: f"{mark}: # ä 'quoted' \"twice\"",
    lambda mark: f"two\nlines {mark}\n",
    lambda mark: f" spaced {mark} ",
    lambda mark: f"0x{mark.replace('-', 'a')}",
)


class Edits:
    """Edits drawn from one source of chance; `mark` makes values that nobody wrote before."""

    def __init__(self, random: Random, mark: str) -> None:
        self.random = random
        self._mark = mark
        self._count = 0
        self.done: list[str] = []

    def change(self, document: JsonObject) -> JsonObject:
        """Return a copy with one to three edits; `done` lists them in words."""
        new = copy.deepcopy(document)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            weights = [weight for weight, _ in _ACTS]
            (act,) = self.random.choices([act for _, act in _ACTS], weights)
            act(self, new)
        return new

    def value(self) -> Any:
        """Return a value that is nowhere yet."""
        self._count += 1
        return self.random.choice(SHAPES)(f"{self._mark}-{self._count}")

    def set_argument(self, document: JsonObject) -> None:
        name = self.random.choice(ARGUMENTS)
        document["arguments"][name] = self.value()
        self.done.append(f"set {name}={document['arguments'][name]!r}")

    def remove_argument(self, document: JsonObject) -> None:
        name = self.random.choice(ARGUMENTS)
        if document["arguments"].pop(name, None) is not None:
            self.done.append(f"remove {name}")

    def set_list(self, document: JsonObject) -> None:
        length = self.random.randrange(1, 4)
        document["arguments"]["LIST"] = [self.value() for _ in range(length)]
        self.done.append(f"set LIST={document['arguments']['LIST']!r}")

    def set_pair(self, document: JsonObject) -> None:
        index, key = self.random.randrange(2), self.random.choice("xy")
        document["arguments"]["PAIRS"][index][key] = self.value()
        self.done.append(f"set PAIRS[{index}].{key}")

    def set_description(self, document: JsonObject) -> None:
        document["description"] = f"Description {self._mark}-{self.random.randrange(100)}"
        self.done.append("set description")

    def set_field(self, document: JsonObject) -> None:
        step = self._step(document)
        if step is not None:
            name = self.random.choice(FIELDS)
            step["spec"][name] = self.value()
            self.done.append(f"set {step['ref']}.{name}={step['spec'][name]!r}")

    def remove_field(self, document: JsonObject) -> None:
        step = self._step(document)
        if step is not None:
            name = self.random.choice(FIELDS)
            if step["spec"].pop(name, None) is not None:
                self.done.append(f"remove {step['ref']}.{name}")

    def add_step(self, document: JsonObject) -> None:
        steps = document["spec"]["spec"]["steps"]
        free = [ref for ref in REFS if ref not in {step["ref"] for step in steps}]
        if free:
            ref = self.random.choice(free)
            made = {"kind": self.random.choice(KINDS), "ref": ref, "spec": {"f": self.value()}}
            steps.insert(self.random.randrange(len(steps) + 1), made)
            self.done.append(f"add {made}")

    def remove_step(self, document: JsonObject) -> None:
        step = self._step(document)
        if step is not None:
            document["spec"]["spec"]["steps"].remove(step)
            self.done.append(f"remove {step['ref']}")

    def move_step(self, document: JsonObject) -> None:
        step = self._step(document)
        if step is not None:
            steps = document["spec"]["spec"]["steps"]
            steps.remove(step)
            place = self.random.randrange(len(steps) + 1)
            steps.insert(place, step)
            self.done.append(f"move {step['ref']} to {place}")

    def _step(self, document: JsonObject) -> JsonObject | None:
        steps = document["spec"]["spec"]["steps"]
        return self.random.choice(steps) if steps else None


_ACTS: tuple[tuple[int, Callable[[Edits, JsonObject], None]], ...] = (
    (8, Edits.set_argument),
    (2, Edits.remove_argument),
    (1, Edits.set_list),
    (2, Edits.set_pair),
    (1, Edits.set_description),
    (4, Edits.set_field),
    (1, Edits.remove_field),
    (2, Edits.add_step),
    (1, Edits.remove_step),
    (2, Edits.move_step),
)
