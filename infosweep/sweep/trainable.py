"""What Ray's workers run: one pack per Tune trial, the worker process kept for the next.

The pack runs on a thread of its own, and each `step` returns after some seconds with how far it is, or at its
end. An error of ours travels as a result: Tune would only see a trial that failed and try it again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from infosweep.sweep.progress import PackProgress

if TYPE_CHECKING:
    from infosweep.plan.trial import Pack
    from infosweep.store.store import StudyStore


@dataclass(frozen=True, slots=True)
class Shared:
    """What all Tune trials of a run have in common; sent to each worker once.

    Attributes:
        packs: by pack id.
        held: the study's part of the store.
        cpus: threads a pack.
        device: of the torch engine.
        retries: how often networks that stall are started anew.
        extra: columns of further axes and their types.
        report_every: seconds between reports to Tune.
        wait_for: file on this machine that is there once the kernels are compiled; None not to wait.
    """

    packs: Mapping[str, Pack]
    held: StudyStore
    cpus: int
    device: str
    retries: int
    extra: Mapping[str, str]
    report_every: float
    wait_for: str | None


class PackTrainable(tune.Trainable):
    """Runs the pack that `config["pack_id"]` names."""

    # `tune.with_parameters` hands over what the base class does not know of.
    def setup(self, config: dict[str, Any], shared: Shared) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take what all packs share, once a worker."""
        self._shared = shared
        self._run = _Run(shared, config["pack_id"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack."""
        self._run.stop.set()
        self._run = _Run(self._shared, new_config["pack_id"])
        return True

    def step(self) -> dict[str, Any]:
        """Go on for a few seconds, or to the end of the pack."""
        return self._run.go_on(self._shared.report_every)

    def cleanup(self) -> None:
        """Give up what is running: Tune ends the worker."""
        self._run.stop.set()

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:  # noqa: ARG002
        """Save nothing: the store is what a run resumes from."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Load nothing."""


class _Run:
    """A pack on a thread."""

    def __init__(self, shared: Shared, pack_id: str) -> None:
        self.stop = threading.Event()
        self._shared = shared
        self._progress = PackProgress(pack_id, 0, 0, 0.0)
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def go_on(self, seconds: float) -> dict[str, Any]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pack", daemon=True)
            self._thread.start()
        self._thread.join(seconds)
        over = not self._thread.is_alive()
        return {"done": over, "progress": self._progress, "error": self._error if over else None}

    def _work(self) -> None:
        from infosweep.sweep.pack import run_pack

        shared = self._shared
        while shared.wait_for is not None and not Path(shared.wait_for).exists():
            if self.stop.wait(0.05):
                return
        try:
            run_pack(
                shared.packs[self._progress.pack_id],
                shared.held,
                cpus=shared.cpus,
                device=shared.device,
                retries=shared.retries,
                extra=shared.extra,
                on_progress=self._take,
                stop=self.stop,
            )
        except Exception as error:  # told by the driver, in whose terminal the user looks
            self._error = error

    def _take(self, progress: PackProgress) -> None:
        self._progress = progress
