"""Write-backs of every kind, what may happen beside them, and what has to come out.

Everybody edits a line of their own, so that what came of each edit can be told from the diffs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.builders import template
from tests.support.people import Person
from tests.support.synced import PATH, Synced, World, link

FILE = b"""\
# The shop
apiVersion: v1.2
arguments:
  REPLICAS: "2"     # how many
  COLOUR: red       # of the door
  SIZE: small
  OWNER: ann
spec: {kind: Workflow, spec: {type: sequential, steps: []}}
"""
DOCUMENT = {
    "apiVersion": "v1.2",
    "arguments": {"REPLICAS": "5", "COLOUR": "red", "SIZE": "small", "OWNER": "ann"},
    "spec": {"kind": "Workflow", "spec": {"type": "sequential", "steps": []}},
}
README = "README.md"
REQUESTED = "Scale the shop up"
RESOLVE = "ebbflow.dev/resolve"
MESSAGE = "ebbflow.dev/commit-message"


JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the file as it becomes another."""

    old: str
    new: str

    def of(self, file: bytes) -> bytes:
        """The file with this change."""
        assert self.old.encode() in file
        return file.replace(self.old.encode(), self.new.encode())

    @property
    def diff(self) -> list[str]:
        """The lines of its diff."""
        return [f"-{self.old}", f"+{self.new}"]


FIVE = Change('  REPLICAS: "2"     # how many', '  REPLICAS: "5"     # how many')
SEVEN = Change(FIVE.old, '  REPLICAS: "7"     # how many')
BACK_TO_FIVE = Change(SEVEN.new, FIVE.new)
BLUE = Change("  COLOUR: red       # of the door", "  COLOUR: blue      # of the door")
LARGE = Change("  SIZE: small", "  SIZE: large")
NINE = Change(FIVE.new, '  REPLICAS: "9"     # how many')
BOB = Change("  OWNER: ann", "  OWNER: bob")


def arguments(**values: str) -> JsonObject:
    """Make the patch that sets arguments of a document."""
    return {"spec": {"document": {"arguments": values}}}


# What is written back


@dataclass(frozen=True, slots=True)
class Scenario:
    """A write-back: what lies before it, the edit that starts it, what comes of it.

    `known` is how many cut points it has at least, so that a recording can not silently be empty.
    `ours` are the changes that the operator commits, `theirs` the subjects of people's commits.
    """

    name: str
    known: int
    prepare: Callable[[World, str, Person], Synced]
    edit: Callable[[Synced, Person], object]
    file: bytes
    ours: tuple[Change, ...] = (FIVE,)
    theirs: tuple[str, ...] = ("Begin",)
    subject: str = "Update {name}"
    is_new: bool = False  # the operator makes the file, in a form of its own

    def goes_with(self, meanwhile: Meanwhile) -> bool:
        """Whether it is known what has to come out of both."""
        # Two people who make one new file are in conflict; and it depends on the moment whether
        # an edit of what is in conflict comes before its resolution, which discards it, or after.
        unknown = {("create", SAME_FILE.name), ("resolve-git", SAME_ARGUMENT.name)}
        return (self.name, meanwhile.name) not in unknown


def in_step(world: World, name: str, person: Person) -> Synced:
    """A Template that is in step with FILE."""
    return link(world, name, FILE)


def without_file(world: World, name: str, person: Person) -> Synced:
    """A repository that lacks the file; the Template is not there yet."""
    world.git.create_repository(name, {README: b"The shop.\n"})
    return Synced(world, name, name, PATH)


def create(shop: Synced, person: Person) -> None:
    """Create the Template with a document."""
    made = template(shop.name).within(shop.world.namespace).holding(DOCUMENT)
    person.creates(made.at(shop.url, PATH, account=shop.world.account).build())


def five(shop: Synced, person: Person) -> None:
    """Edit the number of replicas."""
    person.changes(shop, arguments(REPLICAS="5"))


def pushed_unseen(change: Change, world: World, name: str, person: Person, message: str) -> Synced:
    """A suspended Template, whose file a person has changed."""
    shop = in_step(world, name, person)
    person.changes(shop, {"spec": {"suspend": True}})
    shop.push(change.of(FILE), message)
    return shop


def behind(world: World, name: str, person: Person) -> Synced:
    """A suspended Template, whose file has another size."""
    return pushed_unseen(LARGE, world, name, person, "Large")


def five_and_go_on(shop: Synced, person: Person) -> None:
    """Edit the number of replicas and end the suspension, in one write."""
    patch = arguments(REPLICAS="5")
    patch["spec"]["suspend"] = False
    person.changes(shop, patch)


def five_with_a_message(shop: Synced, person: Person) -> None:
    """Edit the number of replicas and say what the commit shall be called."""
    annotations = {"metadata": {"annotations": {MESSAGE: REQUESTED}}}
    person.changes(shop, annotations | arguments(REPLICAS="5"))


def in_conflict(world: World, name: str, person: Person) -> Synced:
    """A Template whose number of replicas was edited on both sides."""
    shop = pushed_unseen(SEVEN, world, name, person, "Seven")
    five_and_go_on(shop, person)
    shop.wait_stalled("Conflict")
    return shop


def resolve(side: str) -> Callable[[Synced, Person], object]:
    """Resolve the conflict by annotation."""
    return lambda shop, person: person.changes(shop, {"metadata": {"annotations": {RESOLVE: side}}})


EDIT = Scenario("edit", 10, in_step, five, FIVE.of(FILE))
SCENARIOS = (
    EDIT,
    Scenario("create", 12, without_file, create, FIVE.of(FILE), ours=(), is_new=True),
    Scenario(
        "merge",
        12,
        behind,
        five_and_go_on,
        FIVE.of(LARGE.of(FILE)),
        theirs=("Large", "Begin"),
    ),
    Scenario("message", 12, in_step, five_with_a_message, FIVE.of(FILE), subject=REQUESTED),
    Scenario(
        "resolve-cluster",
        12,
        in_conflict,
        resolve("cluster"),
        FIVE.of(FILE),
        ours=(BACK_TO_FIVE,),
        theirs=("Seven", "Begin"),
    ),
    Scenario(
        "resolve-git",
        4,
        in_conflict,
        resolve("git"),
        SEVEN.of(FILE),
        ours=(),
        theirs=("Seven", "Begin"),
    ),
)


# What happens meanwhile


def nothing(shop: Synced, person: Person) -> None:
    """Nobody does anything."""


def paint(shop: Synced, person: Person) -> None:
    """Another person edits another argument of the object."""
    person.changes(shop, arguments(COLOUR="blue"))


def nine(shop: Synced, person: Person) -> None:
    """Another person edits the same argument of the object."""
    person.changes(shop, arguments(REPLICAS="9"))


def push_the_file(shop: Synced, person: Person) -> None:
    """A person pushes another change to the file, as it is now."""
    shop.push(BOB.of(shop.file()), "Bob")


def push_elsewhere(shop: Synced, person: Person) -> None:
    """A person pushes a change to another file."""
    shop.world.git.commit(shop.repository, {README: b"Tidied up.\n"}, "Tidy up")


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What others do while no operator runs: to the object, or to the branch."""

    name: str
    act: Callable[[Synced, Person], object]
    changes: tuple[Change, ...] = ()
    is_ours: bool = False  # whether it is for the operator to commit
    theirs: tuple[str, ...] = ()

    def of(self, file: bytes) -> bytes:
        """The file with what was done."""
        for change in self.changes:
            file = change.of(file)
        return file


NOTHING = Meanwhile("nothing-else", nothing)
ANOTHER_EDIT = Meanwhile("another-edit", paint, (BLUE,), is_ours=True)
SAME_ARGUMENT = Meanwhile("an-edit-of-the-same", nine, (NINE,), is_ours=True)
SAME_FILE = Meanwhile("a-push-to-the-file", push_the_file, (BOB,), theirs=("Bob",))
OTHER_FILE = Meanwhile("a-push-elsewhere", push_elsewhere, theirs=("Tidy up",))
MEANWHILES = (NOTHING, ANOTHER_EDIT, SAME_ARGUMENT, SAME_FILE, OTHER_FILE)
