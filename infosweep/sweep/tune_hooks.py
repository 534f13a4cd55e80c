"""What hangs into Tune on the driver's side: the queue of packs, and what is heard from workers."""
# ruff: noqa: ARG002 - Tune names the arguments of its hooks, whether they are needed or not

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ray import tune
from ray.tune.search import Searcher

from infosweep.errors import InfosweepError
from infosweep.sweep.interrupts import Aborted
from infosweep.sweep.stalls import StallClock
from infosweep.units import format_duration

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

    from infosweep.sweep.interrupts import Interrupts
    from infosweep.sweep.progress import Progress


class _NotKept:
    """Pickled as None: Tune keeps its parts so that a run can be restored, and ours never is."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(None), ())


class Watch(_NotKept, tune.Callback):
    """Passes progress on, keeps the first error, ends workers that fell silent, and tells of those that died.

    Args:
        progress: of the run.
        on_death: told the pack and the log of a worker that died once too often.
        patience: pack -> seconds that its worker may be silent.
        kill: ends the worker of a pack; Tune then tries the pack again.
        ended: asks whether Ray itself has ended.

    Attributes:
        error: what a worker, or Ray, could not get over, such as a store that cannot be written.
    """

    def __init__(
        self,
        progress: Progress,
        on_death: Callable[[str, str], None],
        *,
        patience: Mapping[str, float],
        kill: Callable[[str], None],
        ended: Callable[[], InfosweepError | None],
    ) -> None:
        self.error: Exception | None = None
        self._progress = progress
        self._on_death = on_death
        self._patience = patience
        self._kill = kill
        self._ended = ended
        self._silent: dict[str, StallClock] = {}

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Look after Ray and the workers; Tune calls this several times a second.

        Raises:
            Aborted: Ray has ended. It would end this process too, within seconds.
        """
        ended = self._ended()
        if ended is not None:
            self.error = ended
            raise Aborted
        for trial in trials:
            pack_id = pack_id_of(trial)
            if trial.status != "RUNNING":
                self._silent.pop(pack_id, None)
            elif self._clock_of(pack_id).has_run_out():
                self._progress.say(
                    f"pack {pack_id}: its worker has been silent for "
                    f"{format_duration(self._patience[pack_id])}; ending it"
                )
                self._kill(pack_id)
                self._silent[pack_id].moved()

    def _clock_of(self, pack_id: str) -> StallClock:
        return self._silent.setdefault(pack_id, StallClock(self._patience[pack_id]))

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: Mapping[str, Any],
        **info: Any,
    ) -> None:
        """Take what a pack reports."""
        self._clock_of(result["progress"].pack_id).moved()
        self._progress.take(result["progress"])
        if result["error"] is not None and self.error is None:
            self.error = result["error"]
            if isinstance(self.error, InfosweepError):
                self._progress.say(
                    f"error: {self.error.message}; finishing the packs that are running"
                )

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Tell of a pack whose worker died once too often."""
        self._on_death(pack_id_of(trial), str(trial.get_error() or ""))


class Queue(_NotKept, Searcher):
    """Hands out packs in order; none once the run drains or a worker has met an error."""

    def __init__(self, pack_ids: list[str], interrupts: Interrupts, watch: Watch) -> None:
        super().__init__()
        self._left = list(reversed(pack_ids))
        self._interrupts = interrupts
        self._watch = watch

    # Tune's own searchers return FINISHED too, which its annotation leaves out.
    def suggest(self, trial_id: str) -> dict[str, str] | str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the next pack."""
        if self._interrupts.draining or self._watch.error is not None or not self._left:
            return Searcher.FINISHED
        return {"pack_id": self._left.pop()}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Learn nothing from it."""

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Take nothing up."""


def pack_id_of(trial: Trial) -> str:
    """Return the pack of a Tune trial; also what Tune calls it."""
    return trial.config["pack_id"]
