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
from infosweep.study.settings import n_parameters

if TYPE_CHECKING:
    from infosweep.plan.trial import Pack, Trial

# Fused engine, one thread: seconds a step, a step and parameter (the optimiser), an example and
# parameter (the products), an example and unit (the activations).
# Fitted to 0.023 ms a step at 12-10-7-5-4-3-2, batch 256, Adam.
FUSED_STEP, FUSED_PARAMETER, FUSED_PRODUCT, FUSED_UNIT = 1e-6, 2e-9, 0.12e-9, 1.5e-9
# Torch engine, one thread: seconds a step whatever its size, shared by the networks of a pack, and how
# much slower than fused a network is in it (measured: 0.16 ms a step and network at 50 networks).
TORCH_STEP, TORCH_FACTOR = 1.5e-3, 5.0
# A torch pack holds at most so many networks: beyond, a network gets no cheaper.
TORCH_PACK = 64

# Measuring: seconds a checkpoint, and a checkpoint, example and layer (one estimator; permutation null
# included). Measured: about 4 ms a checkpoint for 3 samples (8,192 examples) of 6 layers.
MEASURE_CHECKPOINT, MEASURE_EXAMPLE = 0.5e-3, 70e-9
# Making a trial's problem and initial weights.
TRIAL_START = 5e-3

# Resident bytes of a worker process with its libraries, and of the process that drives them.
WORKER_BYTES, TORCH_BYTES, DRIVER_BYTES = 300e6, 500e6, 400e6
# Bytes of a row held in memory until its pack is written.
HELD_BYTES = 300.0

# Compressed bytes a row, and of a pack's four files before the first row (schemas, footers).
INFORMATION_BYTES, CURVES_BYTES, GRADIENTS_BYTES, TRIAL_BYTES, PACK_BYTES = (
    70.0,
    55.0,
    45.0,
    400.0,
    3e4,
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What running a plan will take.

    Attributes:
        seconds: wall time of training and measuring on the plan's workers, without Ray's start.
        memory_bytes: resident memory of all processes together.
        store_bytes: size of the files that are added to the store.
    """

    seconds: float
    memory_bytes: int
    store_bytes: int


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
    widths = trial.layer_widths
    parameters, units = n_parameters(widths), sum(widths[1:])
    example = FUSED_PRODUCT * parameters + FUSED_UNIT * units
    step = FUSED_STEP + FUSED_PARAMETER * parameters + trial.batch_used * example
    if engine_of(trial) == "torch":
        step = TORCH_FACTOR * step + TORCH_STEP / pack_size
    checkpoint = MEASURE_CHECKPOINT + MEASURE_EXAMPLE * _examples_measured(trial)
    # Gradient moments are one more pass without an optimiser; the forward pass is a third of a step.
    checkpoint += trial.n_fit * example + trial.task.n_all * example / 3
    return TRIAL_START + trial.n_steps * step + count_checkpoints(trial) * checkpoint


def pack_seconds(trials: Sequence[Trial]) -> float:
    """Return the seconds that a pack takes on one core; its trials are alike."""
    return len(trials) * trial_seconds(trials[0], len(trials))


def estimate(packs: Iterable[Pack], workers: int) -> Estimate:
    """Return what running these packs takes on so many workers of one core each."""
    packs = list(packs)
    if not packs:
        return Estimate(0.0, 0, 0)
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
    return Estimate(max(sum(seconds) / busy, *seconds), round(memory), round(store))


def _examples_measured(trial: Trial) -> int:
    """Return examples x layers x estimators that one checkpoint measures."""
    sizes = {"all": trial.task.n_all, "train": trial.n_fit, "test": trial.task.n_test}
    examples = sum(min(sizes[name], trial.record.probe) for name in trial.record.samples)
    return examples * (len(trial.layer_widths) - 1) * len(trial.estimators)
