"""What is measured: estimators of information on arrays, their nulls and guard rails.

An estimator is one module `<kind>.py` here, its settings class in `study/settings.py` and its line in
`ESTIMATORS`. The module provides

- `SETTINGS`, the settings class;
- `check(settings)`, which raises UsageError for values that give no estimate;
- `measure_layers(stacked, offsets, samples, settings)`: activations [unit of any layer, example] with the
  layers' offsets, and prepared `Samples` -> dict of (samples, layers) arrays by column of the table
  `information`. `i_xt` and `i_ty` are required and in bits; columns left out are null. What holds for every
  estimator (n, entropies of labels, variances, dead units, `saturated`) is added by `plane.py`.

Results depend on the arguments alone, bit for bit, and not on the order of samples. One test file,
tests/information/test_contract.py, runs over all kinds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from infosweep.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from infosweep.information.counts import mutual_information
    from infosweep.information.plane import information_plane

ESTIMATORS = {
    "bins": "infosweep.information.bins",
}

__all__ = ["ESTIMATORS", "estimator_module", "information_plane", "mutual_information"]


def estimator_module(kind: str) -> ModuleType:
    """Return the module of an estimator; raises UsageError where this version does not have it."""
    if kind not in ESTIMATORS:
        raise UsageError(
            f"estimator {kind!r} is not available in this version",
            mend=f"available: {', '.join(ESTIMATORS)}",
        )
    return import_module(ESTIMATORS[kind])


def __getattr__(name: str) -> Any:
    match name:
        case "information_plane":
            from infosweep.information.plane import information_plane

            return information_plane
        case "mutual_information":
            from infosweep.information.counts import mutual_information

            return mutual_information
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
