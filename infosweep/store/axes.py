"""Columns of tables with a study's further axes, and axes that some packs have no column for.

An axis that was added after a study had run has no column in the older files, though its value is among the
settings of each older trial. It is read from there, so that a table looks as if the axis had always been.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

from infosweep.errors import InfosweepError
from infosweep.tables import TRIAL_COLUMNS, Column, Table, Type

if TYPE_CHECKING:
    from infosweep.plan.trial import Trial


def extra_types(values: Mapping[str, Iterable[object]]) -> dict[str, str]:
    """Return the type of each further axis' column, by all the values of the axis.

    >>> extra_types({"learning_rate": [1, 0.1], "activation": ["relu"], "probe": [10, 20]})
    {'learning_rate': 'double', 'activation': 'string', 'probe': 'int64'}
    """
    return {name: _common_type(map(_type_of, each)) for name, each in values.items()}


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Integral):
        return "int64"
    return "double" if isinstance(value, Real) else "string"


def _common_type(types: Iterable[str]) -> str:
    found = set(types)
    if len(found) == 1:
        return found.pop()
    return "double" if found == {"int64", "double"} else "string"


def merge_extra(several: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the columns of several sets of further axes, each of a type that holds every value."""
    types: dict[str, set[str]] = {}
    for extra in several:
        for name, kind in extra.items():
            types.setdefault(name, set()).add(kind)
    return {name: _common_type(types[name]) for name in sorted(types)}


def table_columns(table: Table, extra: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """Return a table's columns in order: those of every table, further axes, its own.

    A further axis that is also a column of the table (`learning_rate` in `trials`) is there once.
    """
    taken = {column.name for column in (*TRIAL_COLUMNS, *table.columns)}
    further = tuple(
        Column(name, cast(Type, kind), "", "axis of the study", nullable=True)
        for name, kind in sorted((extra or {}).items())
        if name not in taken
    )
    return (*TRIAL_COLUMNS, *further, *table.columns)


def older_value(settings: str, column: str) -> Any:
    """Return what a trial without an axis' column would have in it; None where that cannot be told.

    Args:
        settings: the trial's canonical JSON (`trials.settings`), in which defaults are left out.
        column: a field's name, or section and field joined by `_`.
    """
    from infosweep.plan.trials import trial_from_content

    try:
        trial = trial_from_content(settings)
    except (InfosweepError, KeyError, TypeError, ValueError):
        return None  # written by a version whose settings this one cannot read
    return _setting(trial, column)


def _setting(trial: Trial, column: str) -> Any:
    found = [
        getattr(section, field)
        for name in ("task", "model", "training", "record")
        for section in [getattr(trial, name)]
        for field in type(section).model_fields
        if column in (field, f"{name}_{field}")
    ]
    if len(found) != 1 or not isinstance(found[0], bool | int | float | str):
        return None
    return found[0]
