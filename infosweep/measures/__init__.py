"""From a Snapshot to rows: the information plane, curves of every split, gradients of every layer.

`Measurer(trial, problem)` takes the snapshots of one network and gives the columns of the tables `curves`,
`information` and `gradients`. Nothing here calls BLAS: every sum is a compiled loop on the caller's thread, and
the loops release the GIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infosweep.measures.compiling import warm_up
    from infosweep.measures.measurer import Measurer

__all__ = ["Measurer", "warm_up"]


def __getattr__(name: str) -> Any:
    match name:
        case "Measurer":
            from infosweep.measures.measurer import Measurer

            return Measurer
        case "warm_up":
            from infosweep.measures.compiling import warm_up

            return warm_up
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
