"""What results mean: tables in, findings with intervals and verdicts out.

A finding is one module with `rows(grid: Grid) -> pandas.DataFrame`: the claim's row, whose cell is null, and one
row per cell, with the columns of `rows.COLUMNS` first. A new finding is that file, a line in `FINDINGS`, and its
name in `study.settings.FindingName`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from infosweep.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from infosweep.aggregation.frames import Frames
    from infosweep.aggregation.grid import Grid
    from infosweep.study.settings import StudySettings

FINDINGS = {
    "overcompression": "infosweep.aggregation.overcompression",
    "depth_benefit": "infosweep.aggregation.depth_benefit",
    "batch_information": "infosweep.aggregation.batch_information",
    "label_noise_effect": "infosweep.aggregation.label_noise_effect",
}


def finding(name: str, frames: Frames, study: StudySettings) -> pd.DataFrame:
    """Return one finding of a study.

    Args:
        name: a key of `FINDINGS`.
        frames: the study's tables.
        study: the study; rows of trials that it does not ask for are left out.

    Returns:
        One row for the claim (cell null) and one per cell; see `rows.COLUMNS`.

    Raises:
        UsageError: there is no such finding.
    """
    from infosweep.aggregation.grid import grid_of

    if name not in FINDINGS:
        raise UsageError(f"no finding '{name}'", f"available: {', '.join(FINDINGS)}")
    return finding_of(name, grid_of(frames, study)).copy()


def finding_of(name: str, grid: Grid) -> pd.DataFrame:
    """Return one finding, worked out once a grid; not to be changed."""
    if name not in grid.findings:
        grid.findings[name] = import_module(FINDINGS[name]).rows(grid)
    return grid.findings[name]


def findings_table(frames: Frames, study: StudySettings) -> pd.DataFrame:
    """Return all findings that the study asks for, one under the other."""
    from infosweep.aggregation.grid import grid_of
    from infosweep.aggregation.rows import concatenate

    grid = grid_of(frames, study)
    return concatenate([finding_of(name, grid) for name in study.findings])
