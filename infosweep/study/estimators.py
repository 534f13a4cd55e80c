"""Reads the list of estimators: kinds, fields that exclude each other, repeated ones."""

from __future__ import annotations

from infosweep.study.faults import Place, Report
from infosweep.study.kinds import BAD
from infosweep.study.nodes import Node, describe
from infosweep.study.section import read_fields
from infosweep.study.settings import ESTIMATORS, AnyEstimator, estimator_id, kind_of

_RULES = ("bins", "edges", "width", "quantiles")


def read_estimators(node: Node, report: Report) -> tuple[AnyEstimator, ...]:
    """Return the estimators that are right; note what is wrong with the others."""
    if node.kind != "list" or not node.items:
        message = (
            "estimators must hold at least one entry"
            if node.kind == "list"
            else f"estimators must be a list, not {describe(node)}"
        )
        report.add(node.place, message, "write [{kind: bins, bins: 30, range: [-1, 1]}]")
        return ()
    found: dict[str, AnyEstimator] = {}
    for i, item in enumerate(node.items):
        path = f"estimators[{i}]"
        before = len(report.faults)
        cls = kind_of(item, ESTIMATORS, "estimator", report, path)
        if cls is None:
            continue
        values = read_fields(cls, item, report, path)
        _one_rule(item, report)
        if len(report.faults) > before:
            continue
        settings = cls(**values)
        assert settings is not BAD
        name = estimator_id(settings)  # pyright: ignore[reportArgumentType] - one kind so far
        if name in found:
            report.add(
                item.place,
                f"the estimator {name} stands here a second time",
                "drop it, or change its settings",
            )
        found[name] = settings  # pyright: ignore[reportArgumentType]
    return tuple(found.values())


def _one_rule(node: Node, report: Report) -> None:
    given = [key for key in node.entries if key in _RULES]
    for key in given[1:]:
        place: Place = node.key_place(key)
        report.add(
            place,
            f"{key} and {given[0]} can't both place the edges",
            f"keep one of {given[0]} and {key}",
        )
    if "range" in node.entries and given and given[0] != "bins":
        report.add(
            node.key_place("range"),
            f"range has no effect beside {given[0]}",
            "drop range; it belongs to bins",
        )
