"""The kinds of the API, in one visible list."""

from __future__ import annotations

from ebbflow.api.base import Resource
from ebbflow.api.gitaccount import GitAccount
from ebbflow.api.gittrigger import GitTrigger
from ebbflow.api.run import Run
from ebbflow.api.template import Template

KINDS: tuple[type[Resource], ...] = (Template, GitAccount, Run, GitTrigger)
