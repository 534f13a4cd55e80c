"""What the user wrote: a study's settings, read from YAML or Python with every fault at once.

A new kind of task, model or estimator is one settings class in `settings.py` and a line in its dict there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infosweep.study.axes import axis_columns
    from infosweep.study.cells import axis_column, cell_sections
    from infosweep.study.dump import dump_yaml, study_to_mapping
    from infosweep.study.load import load_study, study_from_mapping
    from infosweep.study.schema import json_schema
    from infosweep.study.settings import StudySettings
    from infosweep.study.where import compile_where

__all__ = [
    "StudySettings",
    "axis_column",
    "axis_columns",
    "cell_sections",
    "compile_where",
    "dump_yaml",
    "json_schema",
    "load_study",
    "study_from_mapping",
    "study_to_mapping",
]

_MODULES = {
    "StudySettings": "settings",
    "axis_column": "cells",
    "axis_columns": "axes",
    "cell_sections": "cells",
    "compile_where": "where",
    "dump_yaml": "dump",
    "json_schema": "schema",
    "load_study": "load",
    "study_from_mapping": "load",
    "study_to_mapping": "dump",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
