"""What a plan tells the user before anything runs: findings that the study cannot decide, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infosweep.plan.checkpoints import LEAST_FOR_WINDOW
from infosweep.units import count

if TYPE_CHECKING:
    from infosweep.plan.cells import Cell
    from infosweep.study.settings import FindingName, StudySettings

LEAST_SEEDS = 6  # fewer give no interval worth a verdict (science.md, statistics)


def notes_on(study: StudySettings, cells: Sequence[Cell]) -> list[str]:
    """Return what the study's findings lack, what to add, and cells that repeat each other."""
    notes = []
    if study.findings and len(study.seeds) < LEAST_SEEDS:
        notes.append(
            f"{_listed(study.findings)}: undecided with {count(len(study.seeds), 'seed')}; "
            f"at least {LEAST_SEEDS} are needed (`seeds: {LEAST_SEEDS}`)"
        )
    for name in study.findings:
        notes += [f"{name}: {note}" for note in _lacks(name, study, cells)]
    return notes + _repeated(cells)


def _lacks(name: FindingName, study: StudySettings, cells: Sequence[Cell]) -> list[str]:
    match name:
        case "overcompression":
            return _overcompression(study, cells)
        case "depth_benefit":
            several = _one_value(cells, "depth", "depth")
            return several + _nothing_to_learn(cells)
        case "batch_information":
            return _one_value(cells, "batch_size", "batch size") or _one_length(cells)
        case "label_noise_effect":
            lacks = _one_value(cells, "label_noise", "label_noise")
            if not lacks and all(cell.label_noise < 1 for cell in cells):
                lacks = ["its claim is about random labels; add 1.0 to `axes.label_noise`"]
            return lacks


def _overcompression(study: StudySettings, cells: Sequence[Cell]) -> list[str]:
    lacks = _nothing_to_learn(cells)
    if not lacks and not _has_controls(cells):
        lacks.append("undecided without a control; add 1.0 to `axes.label_noise`")
    if study.record.checkpoints < LEAST_FOR_WINDOW:
        lacks.append(
            f"undecided with {study.record.checkpoints} checkpoints; its end window needs "
            f"`record.checkpoints` of at least {LEAST_FOR_WINDOW}"
        )
    return lacks


def _one_value(cells: Sequence[Cell], axis: str, words: str) -> list[str]:
    if len({getattr(cell, axis) for cell in cells}) > 1:
        return []
    return [f"undecided with one {words}; give `axes.{axis}` several values"]


def _nothing_to_learn(cells: Sequence[Cell]) -> list[str]:
    if any(cell.label_noise < 1 for cell in cells):
        return []
    return ["undecided without a cell below label_noise 1; add 0.0 to `axes.label_noise`"]


def _one_length(cells: Sequence[Cell]) -> list[str]:
    epochs, steps = (_equal_in(cells, unit) for unit in ("epochs", "steps"))
    if epochs and steps:
        return []
    return [
        f"undecided with batch sizes at equal {'epochs' if epochs else 'steps'} alone; its verdict needs "
        f"cells at equal {'steps' if epochs else 'epochs'} too"
    ]


def _has_controls(cells: Sequence[Cell]) -> bool:
    """Return whether every cell at the least noise has its control at label_noise 1."""
    controls = {_but_noise(cell) for cell in cells if cell.label_noise == 1}
    least = min(cell.label_noise for cell in cells)
    return all(_but_noise(cell) in controls for cell in cells if cell.label_noise == least)


def _but_noise(cell: Cell) -> tuple[object, ...]:
    extra = tuple(sorted(cell.extra.items()))
    return (cell.train_size, cell.batch_size, cell.depth, extra)


def _equal_in(cells: Sequence[Cell], unit: str) -> bool:
    """Return whether some cells that differ in batch size are trained for equal epochs, or steps."""
    sizes: dict[tuple[object, ...], set[int]] = {}
    for cell in cells:
        training, n_fit = cell.training, cell.n_fit
        per_epoch = -(-n_fit // cell.batch_used)
        steps = training.steps if training.steps is not None else training.epochs * per_epoch
        length = round(steps / per_epoch, 2) if unit == "epochs" else steps
        key = (cell.train_size, cell.depth, cell.label_noise, training.learning_rate, length)
        sizes.setdefault(key, set()).add(cell.batch_used)
    return any(len(used) > 1 for used in sizes.values())


def _repeated(cells: Sequence[Cell]) -> list[str]:
    """Name the cells that train the same network as another: a batch size beyond the examples."""
    seen: dict[tuple[object, ...], Cell] = {}
    repeated = []
    for cell in cells:
        key = (cell.task, cell.model, cell.training, cell.n_train, cell.batch_used, cell.depth)
        first = seen.setdefault((*key, cell.label_noise), cell)
        if first is not cell:
            repeated.append((first, cell))
    if not repeated:
        return []
    first, cell = repeated[0]
    return [
        f"{len(repeated)} of {len(cells)} cells train the same networks as another cell, as batch_size "
        f"{first.batch_size} and {cell.batch_size} do with {cell.n_fit} training examples"
    ]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
