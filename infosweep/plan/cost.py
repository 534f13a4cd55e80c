"""What a study will take: seconds, memory, bytes, from constants measured on one 2-core x86 machine.

A guide for the user and for the size of packs, within a factor of two or so on other machines; nothing
that is computed depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infosweep.plan.checkpoints import count_checkpoints
from infosweep.plan.engine import engine_of
from infosweep.study.settings import MlpSettings

if TYPE_CHECKING:
    from infosweep.plan.trial import Pack, Trial

# Fused engine, one thread: seconds a step, a step and parameter (the optimiser), an example and
# parameter (the products), an example and unit (the activations). Fitted to networks of 152 to 43,202
# parameters: 10 us a step at 12-10-7-5-4-3-2, batch 256, Adam, tanh.
FUSED_STEP, FUSED_PARAMETER, FUSED_PRODUCT, FUSED_UNIT = 0.8e-6, 0.5e-9, 0.085e-9, 0.3e-9
# Torch engine, one thread on the CPU: seconds a step whatever its size, shared by the networks of a pack,
# and the like per example; 0.84 ms a step of one such network, 0.14 ms each in a pack of 64.
TORCH_STEP, TORCH_PRODUCT, TORCH_UNIT = 0.75e-3, 0.06e-9, 13e-9
# A torch pack holds at most so many networks: beyond, a network gets no cheaper.
TORCH_PACK = 64

# Measuring: seconds a checkpoint (the snapshot), an example and class (curves), an example and layer and an
# example and unit (information, one estimator, permutation null included). Fitted to the networks above,
# three samples: 1.75 ms on binary12, 2.4 ms on digits, 6.6 ms on mnist1d, and .5 ms a snapshot on binary12.
CHECKPOINT, CURVE_CLASS, LAYER_EXAMPLE, UNIT_EXAMPLE = 0.3e-3, 110e-9, 10.5e-9, 1.3e-9
# A step of the gradient pass, which sums squares instead of moving the weights, against a training step.
GRADIENT_STEP = 1.5
# Ray on this machine, until its first worker trains.
RAY_START = 15.0
# Making a trial's problem and initial weights.
TRIAL_START = 5e-3

# Resident bytes (measured): a worker with its libraries; what torch adds; the driver with Ray's own
# processes (580 MB of them).
WORKER_BYTES, TORCH_BYTES, DRIVER_BYTES = 350e6, 500e6, 1000e6
# Bytes of a row held in memory until its pack is written.
HELD_BYTES = 300.0

# Compressed bytes a row (measured on packs of 1 and 16 networks), and of a pack before its first row:
# schemas and footers of its files, its part of `_meta`.
INFORMATION_BYTES, CURVES_BYTES, GRADIENTS_BYTES = 48.0, 47.0, 37.0
TRIAL_BYTES, PACK_BYTES = 500.0, 70e3


@dataclass(frozen=True, slots=True)
class Estimate:
    """What running a plan will take.

    Attributes:
        training_seconds: wall time of training and measuring on the plan's workers.
        start_seconds: the start of Ray before that, which executor `inline` does without.
        memory_bytes: resident memory of all processes together, Ray's among them.
        store_bytes: size of the files that are added to the store.
    """

    training_seconds: float
    start_seconds: float
    memory_bytes: int
    store_bytes: int

    @property
    def seconds(self) -> float:
        """Wall time from start to end."""
        return self.training_seconds + self.start_seconds


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that one trial writes to the tables that grow with its checkpoints."""

    curves: int
    information: int
    gradients: int


def rows_of(trial: Trial) -> Rows:
    """Return how many rows a trial writes if it does not diverge."""
    checkpoints, layers = count_checkpoints(trial), len(trial.layer_widths) - 1
    measured = layers if trial.record.layers == "all" else len(trial.record.layers)
    splits = 3 + (trial.n_validation > 0) + 2 * (trial.label_noise > 0)
    tables = len(trial.record.samples) * len(trial.estimators)
    return Rows(checkpoints * splits, checkpoints * measured * tables, checkpoints * layers)


def trial_seconds(trial: Trial, pack_size: int = 1) -> float:
    """Return the seconds that a trial takes on one core, in a pack of so many."""
    step, example = _step_seconds(trial, pack_size)
    gradients = GRADIENT_STEP * (trial.n_fit // trial.batch_used) * step
    forward = trial.task.n_all * example / 3  # of a step's three passes, forward and back
    checkpoint = gradients + forward + _measure_seconds(trial)
    return TRIAL_START + trial.n_steps * step + count_checkpoints(trial) * checkpoint


def _step_seconds(trial: Trial, pack_size: int) -> tuple[float, float]:
    """Return the seconds of a training step, and of one example in it."""
    widths = trial.layer_widths
    parameters, units = trial.n_parameters, sum(widths[1:])
    if engine_of(trial) == "torch":
        example = TORCH_PRODUCT * parameters + TORCH_UNIT * units
        shared = pack_size if isinstance(trial.model, MlpSettings) else 1
        return TORCH_STEP / shared + trial.batch_used * example, example
    example = FUSED_PRODUCT * parameters + FUSED_UNIT * units
    step = FUSED_STEP + FUSED_PARAMETER * parameters + trial.batch_used * example
    return step, example


def _measure_seconds(trial: Trial) -> float:
    """Return the seconds of measuring one checkpoint."""
    widths = trial.layer_widths[1:]
    sizes = {"all": trial.task.n_all, "train": trial.n_fit, "test": trial.task.n_test}
    examples = sum(min(sizes[name], trial.record.probe) for name in trial.record.samples)
    layers = LAYER_EXAMPLE * len(widths) + UNIT_EXAMPLE * sum(widths)
    curves = CURVE_CLASS * trial.task.n_all * trial.task.n_classes
    return CHECKPOINT + curves + examples * len(trial.estimators) * layers


def pack_seconds(trials: Sequence[Trial]) -> float:
    """Return the seconds that a pack takes on one core; its trials are alike."""
    return len(trials) * trial_seconds(trials[0], len(trials))


def estimate(packs: Iterable[Pack], workers: int) -> Estimate:
    """Return what running these packs takes on so many workers of one core each."""
    packs = list(packs)
    if not packs:
        return Estimate(0.0, 0.0, 0, 0)
    seconds = [pack_seconds(pack.trials) for pack in packs]
    store, held = 0.0, []
    for pack in packs:
        rows = [rows_of(trial) for trial in pack.trials]
        information = sum(row.information for row in rows)
        curves, gradients = sum(row.curves for row in rows), sum(row.gradients for row in rows)
        store += PACK_BYTES + TRIAL_BYTES * len(pack.trials)
        store += (
            INFORMATION_BYTES * information + CURVES_BYTES * curves + GRADIENTS_BYTES * gradients
        )
        held.append(HELD_BYTES * (information + curves + gradients))
    busy = min(workers, len(packs))
    torch = TORCH_BYTES if any(engine_of(pack.trials[0]) == "torch" for pack in packs) else 0.0
    memory = DRIVER_BYTES + busy * (WORKER_BYTES + torch + max(held))
    training = max(sum(seconds) / busy, *seconds)
    return Estimate(training, RAY_START, round(memory), round(store))
