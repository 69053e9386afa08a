"""What goes wrong on real servers: processes killed, servers away, connections cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.support.apifaults import Action, Answer, Cut, matching
from tests.support.apiproxy import ApiProxy
from tests.support.gitserver import FaultyGitServer
from tests.support.operator_process import OperatorProcess

API_ANSWERS: tuple[Action, ...] = (Cut(), Answer(409), Answer(429, retry_after=1), Answer(500))


@dataclass
class Upheaval:
    """Trouble for one operator; every kind of it is over after `end`."""

    operator: OperatorProcess
    git: FaultyGitServer
    proxy: ApiProxy
    random: Random
    told: list[str] = field(default_factory=list)
    git_away: bool = False

    def begin(self, mark: str) -> None:
        """Let something go wrong, or end what went wrong for long."""
        weights = [weight for weight, _ in TROUBLES]
        (trouble,) = self.random.choices([trouble for _, trouble in TROUBLES], weights)
        trouble(self)
        self.told.append(f"{mark}: {trouble.__name__}")

    def kill(self) -> None:
        self.operator.kill()
        self.operator.start()

    def git_goes_away(self) -> None:
        if self.git_away:
            self.git.start()
        else:
            self.git.stop()
        self.git_away = not self.git_away

    def git_answers_503(self) -> None:
        self.git.fail(503, times=self.random.randrange(1, 4))

    def push_answer_is_lost(self) -> None:
        self.git.lose_answer_of_push()

    def git_breaks_off(self) -> None:
        self.git.drop()

    def api_write_fails(self) -> None:
        side = self.random.choice((self.proxy.before, self.proxy.after))
        match = matching(resource=("templates", "templates/status"), writes=True)
        action = self.random.choice(API_ANSWERS)
        side(match, action, skip=self.random.randrange(4), times=self.random.randrange(1, 3))

    def watches_break(self) -> None:
        self.proxy.cut_watches()

    def end(self) -> None:
        """Mend everything and wait until the operator is ready."""
        self.proxy.heal()
        self.git.calm()
        if self.git_away:
            self.git_goes_away()
        if not self.operator.running:
            self.operator.start()
        self.operator.wait_ready()


TROUBLES: tuple[tuple[int, Callable[[Upheaval], None]], ...] = (
    (2, Upheaval.kill),
    (2, Upheaval.git_goes_away),
    (3, Upheaval.git_answers_503),
    (3, Upheaval.push_answer_is_lost),
    (2, Upheaval.git_breaks_off),
    (5, Upheaval.api_write_fails),
    (1, Upheaval.watches_break),
)
