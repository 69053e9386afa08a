"""A clone in a pod: the files of a commit, handed over as Secrets that an init container unpacks.

The operator reads the repository with the account that the document names; the pod gets the files
and no credential, and needs no network for them (docs/decisions, clones-as-secrets).
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from ebbflow.api.base import GROUP, JsonObject
from ebbflow.api.place import BranchName, RepositoryAddress
from ebbflow.api.template import AccountReference
from ebbflow.domain.addresses import normalise_path
from ebbflow.domain.git import CommitGone, CommitId, GitError
from ebbflow.domain.health_verdict import mapping
from ebbflow.domain.objects import ObjectError, ObjectId, Objects
from ebbflow.domain.pods.jobs import MANAGER, annotation
from ebbflow.domain.source_archive import PART, ArchiveTooLarge
from ebbflow.services.nodes.kind import Call, CannotDo, NotNow
from ebbflow.services.nodes.objects.creating import create
from ebbflow.services.nodes.spec import NodeSpec
from ebbflow.services.repositories.repository_files import NoAccess
from ebbflow.services.repositories.source_trees import SourceTrees

COMMIT: Final = f"{GROUP}/commit"
"""The annotation of a Job with the commit that its pod gets."""

GIVEN: Final = f"{GROUP}/source"
"""The annotation of a Job whose source is there: the Secrets that hold it, by name, with uids."""

UNPACKER: Final = "ebbflow-source"
"""The init container that unpacks the files."""

UNPACKING_NEEDS: Final = "Its image needs sh, cat, tar and gzip: name another one in spec.git.image"

VOLUME: Final = "ebbflow-workspace"
_PARTS_VOLUME: Final = "ebbflow-source"
_PARTS_PATH: Final = "/ebbflow-source"
_UNPACK: Final = f'cat {_PARTS_PATH}/* | tar -x -z -o -f - -C "$1"'
"""The path is an argument of the shell, never a part of its words."""

_TAKEN_OVER: Final = ("securityContext", "resources", "imagePullPolicy")

_COMMIT_ID: Final = re.compile(r"[0-9a-f]{40}")
_ABSOLUTE: Final = re.compile(r"/[^\x00-\x1f\x7f:]{1,255}")


def _is_directory(value: str) -> str:
    return normalise_path(value) if value.strip("/") else ""


def _is_absolute(value: str) -> str:
    if not _ABSOLUTE.fullmatch(value) or ".." in value.split("/"):
        raise ValueError("must be an absolute path such as /workspace, without .. and colons")
    return value


class GitSource(NodeSpec):
    """Which files a pod gets, and where."""

    account_ref: AccountReference | None = Field(
        default=None,
        description="The GitAccount to read with; absent: the Template's own for its own "
        "repository, none for others.",
    )
    repository: RepositoryAddress | None = Field(
        default=None, description="The repository's address; absent: the Template's own."
    )
    ref: BranchName | None = Field(
        default=None,
        description="A branch, a tag, or a commit by its 40 digits; absent: the run's own commit. "
        "Where a branch and a tag have the same name, it is the branch.",
    )
    directory: Annotated[str, AfterValidator(_is_directory)] = Field(
        default="",
        max_length=1024,
        description="A directory of the repository: only its files, which then lie in `path` "
        "itself; absent: all.",
    )
    path: Annotated[str, AfterValidator(_is_absolute)] = Field(
        default="/workspace", description="Where the files are put, in every container of the pod."
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="The image that unpacks the files: it needs sh, cat and tar; absent: that of "
        "the first container.",
    )


@dataclass(frozen=True, slots=True)
class Source:
    """A GitSource with all that the run knows filled in."""

    account_ref: AccountReference | None
    repository: str
    branch: str
    commit: CommitId
    directory: str

    @property
    def where(self) -> str:
        """How people are told of it."""
        place = f"{self.directory} of " if self.directory else ""
        return f"{place}{self.repository} at {self.commit[:7]}"


@dataclass(frozen=True, slots=True)
class _Place:
    account_ref: AccountReference | None
    repository: str


class JobSources:
    """Finds sources, and gives them to Jobs that wait for theirs."""

    def __init__(self, objects: Objects, trees: SourceTrees) -> None:
        self._objects = objects
        self._trees = trees

    async def resolve(self, call: Call[Any], git: GitSource) -> Source:
        """Return what is to be handed over, as of now. Raises CannotDo, NotNow, ClusterError."""
        own = call.run.git
        is_own = own is not None and git.repository in (None, own.repository)
        repository = git.repository or (own.repository if own is not None else None)
        if repository is None:
            raise CannotDo(
                "spec.git.repository: the document is not kept in Git; name a repository"
            )
        reference = git.account_ref or (own.account_ref if own is not None and is_own else None)
        branch = own.branch if own is not None and is_own else ""
        if git.ref is None and (not is_own or call.run.commit is None):
            raise CannotDo("spec.git.ref: name a branch, a tag, or a commit by its 40 digits")
        if git.ref is None or _COMMIT_ID.fullmatch(git.ref):
            commit = git.ref or str(call.run.commit)
        else:
            branch = git.ref
            commit = await self._commit_of(call, _Place(reference, repository), git.ref)
        return Source(reference, repository, branch, commit, git.directory)

    async def give_again(self, call: Call[Any], job: JsonObject, git: GitSource) -> JsonObject:
        """Do what an operator that was killed did not come to: as `give`, for the Job's commit."""
        commit = annotation(job, COMMIT)
        source = await self.resolve(call, git.model_copy(update={"ref": commit}))
        return await self.give(call, job, await self.parts(call, source))

    async def give(self, call: Call[Any], job: JsonObject, parts: tuple[bytes, ...]) -> JsonObject:
        """Make the Secrets that a suspended Job waits for, let it go on, and return it.

        Can be repeated. Raises NotNow, ObjectError.
        """
        secrets = {}
        for index, part in enumerate(parts):
            secret = _secret(job, index, part)
            live = await create(self._objects, secret, call.run.account, MANAGER)
            secrets[secret["metadata"]["name"]] = str(live["metadata"]["uid"])
        target = ObjectId.of(job)
        go_on = {
            "apiVersion": target.api_version,
            "kind": target.kind,
            "metadata": {
                "name": target.name,
                "namespace": target.namespace,
                "annotations": {GIVEN: json.dumps(secrets)},
            },
            "spec": {"suspend": False},
        }
        return await self._objects.apply(go_on, call.run.account, manager=MANAGER)

    async def take_back(self, call: Call[Any], job: JsonObject) -> None:
        """Remove the Secrets of a Job that has ended; what cannot be removed goes with the Job."""
        target = ObjectId.of(job)
        for name, uid in _given(job).items():
            secret = ObjectId("", "Secret", target.namespace, name, "v1")
            try:
                await self._objects.delete(secret, call.run.account, uid=uid)
            except ObjectError:
                return

    async def _commit_of(self, call: Call[Any], place: _Place, ref: str) -> CommitId:
        try:
            commit = await self._trees.find(call.run.key, place, ref)
        except (NoAccess, GitError) as error:
            raise _cannot(f"{ref} of {place.repository}", error) from error
        if commit is None:
            raise CannotDo(
                f"spec.git.ref: there is no branch and no tag {ref} of {place.repository}; push it, "
                "or correct the name"
            )
        return commit

    async def parts(self, call: Call[Any], source: Source) -> tuple[bytes, ...]:
        """Read and pack the files. Raises CannotDo, NotNow, ClusterError."""
        place = _Place(source.account_ref, source.repository)
        try:
            return await self._trees.parts(
                call.run.key, place, source.branch, source.commit, source.directory
            )
        except ArchiveTooLarge as error:
            raise CannotDo(
                f"spec.git: {source.where}: {error}; name a directory, or have the pod clone the "
                "repository itself"
            ) from error
        except (NoAccess, GitError) as error:
            raise _cannot(source.where, error) from error


def with_source(spec: JsonObject, job: str, git: GitSource, parts: int) -> JsonObject:
    """Return a Job's spec whose pods find the files at `git.path`; the Job waits for them.

    The container that unpacks them has the image, limits and security of the first container.
    """
    template = mapping(spec.get("template"))
    pod = mapping(template.get("spec"))
    mount = {"name": VOLUME, "mountPath": git.path}
    containers = [_mounted(one, mount) for one in pod.get("containers") or ()]
    first = containers[0] if containers else {}
    unpack = {
        "name": UNPACKER,
        "image": git.image or first.get("image"),
        "command": ["sh", "-c", _UNPACK, "sh", git.path],
        "volumeMounts": [
            mount,
            {"name": _PARTS_VOLUME, "mountPath": _PARTS_PATH, "readOnly": True},
        ],
    }
    unpack |= {key: first[key] for key in _TAKEN_OVER if first.get(key)}
    inits = [unpack, *(_mounted(one, mount) for one in pod.get("initContainers") or ())]
    volumes = [
        *(pod.get("volumes") or ()),
        {"name": VOLUME, "emptyDir": {}},
        {"name": _PARTS_VOLUME, "projected": {"sources": [_part(job, n) for n in range(parts)]}},
    ]
    made = {**pod, "containers": containers, "initContainers": inits, "volumes": volumes}
    return {**spec, "suspend": True, "template": {**template, "spec": made}}


def is_given(job: JsonObject) -> bool:
    """Tell whether a Job has the source that it was made to wait for."""
    return annotation(job, COMMIT) is None or annotation(job, GIVEN) is not None


def _part(job: str, index: int) -> JsonObject:
    # The shell puts them together in the order of their names.
    return {
        "secret": {
            "name": _part_name(job, index),
            "items": [{"key": PART, "path": f"{index:04}"}],
        }
    }


def _part_name(job: str, index: int) -> str:
    return f"{job}-source-{index}"


def _mounted(container: Any, mount: JsonObject) -> JsonObject:
    given = mapping(container)
    return {**given, "volumeMounts": [*(given.get("volumeMounts") or ()), mount]}


def _secret(job: JsonObject, index: int, part: bytes) -> JsonObject:
    target, metadata = ObjectId.of(job), mapping(job.get("metadata"))
    owner = {
        "apiVersion": target.api_version,
        "kind": target.kind,
        "name": target.name,
        "uid": metadata.get("uid"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": _part_name(target.name, index),
            "namespace": target.namespace,
            "labels": mapping(metadata.get("labels")),
            "ownerReferences": [owner],
        },
        "immutable": True,
        "data": {PART: base64.b64encode(part).decode()},
    }


def _given(job: JsonObject) -> dict[str, str]:
    try:
        found = json.loads(annotation(job, GIVEN) or "{}")
    except ValueError:
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: uid for name, uid in pairs if isinstance(uid, str)}


def _cannot(where: str, error: Exception) -> CannotDo | NotNow:
    """Return what an error of Git, or of the account, means for the node."""
    if isinstance(error, CommitGone):
        return CannotDo(f"spec.git: {where}: the commit is not there; name another one")
    if isinstance(error, GitError) and error.transient:
        return NotNow(f"spec.git: {where}: {error}", error.retry_after)
    return CannotDo(f"spec.git: {where}: {error}")
