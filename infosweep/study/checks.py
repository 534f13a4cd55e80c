"""What values of a study say about each other: impossible, contradictory or empty combinations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infosweep.errors import LimitError
from infosweep.study.axes import FOUR_KINDS, MOST_VALUES, allowed_findings, further_axes
from infosweep.study.cells import Sections, apply_axes, columns_of, n_train_of
from infosweep.study.faults import Place, listed
from infosweep.study.grid import combinations
from infosweep.study.kinds import Choice, no_repeats
from infosweep.study.nodes import Node, describe
from infosweep.study.own import OwnModelSettings
from infosweep.study.reader import MOST_SEEDS, Draft
from infosweep.study.settings import FOUR_AXES
from infosweep.study.where import Where, WhereError, parse_where, unknown_column

Values = Mapping[str, Any]


def check(draft: Draft, values: dict[str, Any]) -> None:
    """Note every fault between values; set `where`, and `findings` where they are left out.

    Raises:
        LimitError: the study asks for more seeds or values than can be built, and is right otherwise.
    """
    _check_axes(draft)
    _check_training(draft)
    _check_holdout(draft)
    _check_own_network(draft)
    conditions = _conditions(draft)
    _Grid(draft, conditions).check()
    _check_layers(draft)
    values["where"] = tuple(where.text for where, _ in conditions)
    if "findings" not in values:
        values["findings"] = allowed_findings(
            {name: axis.values for name, axis in draft.axes.items()}
        )
    if not draft.report.faults:
        _limits(draft)


def _limits(draft: Draft) -> None:
    trials = draft.limits.trials
    for name, axis in draft.axes.items():
        if axis.length:
            most = min(trials, MOST_VALUES)
            message = f"axis {name} has {axis.length:,} values; at most {most:,} are allowed"
            raise LimitError(message, "give the axis fewer values")
    if draft.seeds_asked:
        most = min(trials, MOST_SEEDS)
        message = f"the study asks for {draft.seeds_asked:,} seeds; at most {most:,} are allowed"
        raise LimitError(message, "ask for fewer seeds")


def _check_axes(draft: Draft) -> None:
    node = draft.root.get("zip")
    groups = node.items if node is not None else []
    joined = {name.value for group in groups for name in group.items if name.kind == "scalar"}
    for name, axis in draft.written.items():
        if axis is not None and name not in joined and len(axis.nodes) == len(axis.values):
            no_repeats(axis.values, axis.nodes, draft.report, f"axis {name}")


def _check_training(draft: Draft) -> None:
    lengths = ("training.epochs", "training.steps")
    fixed = [path for path in lengths if draft.has(path) and path not in draft.written]
    swept = [path for path in lengths if path in draft.written]
    for paths, place_of in ((fixed, draft.field_place), (swept, draft.axis_place)):
        if len(paths) == 2:
            second = max(map(place_of, paths), key=lambda place: (place.line, place.column))
            draft.report.add(second, "training has both epochs and steps", "keep one of them")
    unread = {"training.optimizer", "training.momentum", "axes.training.optimizer"} & draft.bad
    if unread or "training.momentum" in draft.written or draft.training.momentum == 0:
        return
    optimizer = draft.axes.get("training.optimizer")
    if set(optimizer.values if optimizer else (draft.training.optimizer,)) == {"adam"}:
        message = f"momentum {draft.training.momentum:g} has no effect with optimizer adam"
        mend = "drop momentum, or write optimizer: momentum"
        draft.report.add(draft.value_place("training.momentum"), message, mend)


def _check_holdout(draft: Draft) -> None:
    own = draft.task.n_own_test
    if "task" in draft.bad or "task.kind" in draft.written or not own:
        return
    places = [draft.field_place("task.holdout")] * draft.has("task.holdout")
    places += [draft.axis_place("task.holdout")] * ("task.holdout" in draft.written)
    for place in places:
        message = (
            f"task {draft.task.kind} has a test part of its own, of {own:,} examples; "
            "holdout has no effect"
        )
        draft.report.add(place, message, "drop holdout")


def _check_own_network(draft: Draft) -> None:
    """Note what is asked of a network of the user's own that only an MLP has."""
    if not isinstance(draft.model, OwnModelSettings):
        return
    kind = draft.model.kind
    for name in draft.written:
        if name == "depth" or name.startswith("model."):
            message = f"axis {name} has no meaning for a network of your own, {kind!r}"
            mend = "drop the axis; write one study for each network"
            draft.report.add(draft.axis_place(name), message, mend)
        elif name == "task.kind":
            message = f"axis task.kind is not for a network of your own, {kind!r}"
            draft.report.add(draft.axis_place(name), message, "write one study for each task")
        elif name == "training.engine":
            message = "a network of your own is always trained by the torch engine"
            draft.report.add(draft.axis_place(name), message, "drop the axis")
    if draft.training.engine == "fused":
        message = f"engine fused trains MLPs alone, not a network of your own, {kind!r}"
        draft.report.add(draft.value_place("training.engine"), message, "write auto or torch")


def _check_layers(draft: Draft) -> None:
    layers, depth = draft.record.layers, draft.axes.get("depth")
    if layers == "all" or depth is None or depth.length or "record.layers" in draft.bad:
        return
    if isinstance(draft.model, OwnModelSettings):
        if "model" in draft.bad:
            return
        deepest = len(draft.model.found.widths) + 1
    else:
        deepest = max(depth.values) + 1
    node = draft.root.get("record")
    listed_layers = node.get("layers") if node is not None else None
    for layer, item in zip(
        layers, listed_layers.items if listed_layers is not None else [], strict=False
    ):
        if layer > deepest:
            message = f"record.layers names layer {layer}; the deepest network has {deepest}, its output included"
            draft.report.add(item.place, message, f"name layers from 1 to {deepest}, or write all")


def _conditions(draft: Draft) -> list[tuple[Where, Node]]:
    """Return the conditions that can be read, and note faults in their text and names."""
    node = draft.root.get("where")
    if node is None:
        return []
    if node.kind != "list":
        shown = (
            f'["{node.text}"]'
            if node.kind == "scalar" and node.text
            else "[label_noise == 0 or depth == 5]"
        )
        draft.report.add(
            node.place,
            f"where must be a list of conditions, not {describe(node)}",
            f"write where: {shown}",
        )
        return []
    found: list[tuple[Where, Node]] = []
    known = _known_columns(draft)
    for item in node.items:
        if item.kind != "scalar" or not isinstance(item.value, str) or item.trap is not None:
            draft.report.add(
                item.place,
                f"a condition must be a text, not {describe(item)}",
                _condition_mend(item),
            )
            continue
        try:
            where = parse_where(item.value)
        except WhereError as error:
            _note(draft, item, error)
            continue
        faults = [
            unknown_column(name, known, offset, len(name))
            for name, offset in where.names.items()
            if name not in known
        ]
        faults += list(_misspelt_values(draft, where))
        for error in faults:
            _note(draft, item, error)
        if not faults:
            found.append((where, item))
    return found


def _condition_mend(item: Node) -> str:
    """Return how to write a condition, one `column: value` as the comparison that is meant."""
    for name, (_, value) in item.entries.items():
        if value.kind == "scalar" and value.text and len(item.entries) == 1:
            return f"write a comparison: {name} == {value.text}"
    return "write a comparison, as depth == 5"


def _known_columns(draft: Draft) -> dict[str, Any]:
    return dict.fromkeys([*draft.columns.values(), "n_train", "batch_used", "full_batch"])


def _misspelt_values(draft: Draft, where: Where) -> Iterator[WhereError]:
    """Texts that a column never holds: the condition would silently never hold."""
    kinds = {**FOUR_KINDS, **further_axes()}
    by_column = {column: name for name, column in draft.columns.items()}
    for column, text, offset, length in where.literals:
        if column == "batch_size" and text == "full":
            yield WhereError(
                "batch_size is a number in every cell, n_train where it is full",
                "write full_batch or not full_batch",
                offset,
                length,
            )
            continue
        kind = kinds.get(by_column.get(column, ""))
        words = kind.words if isinstance(kind, Choice) else ()
        if by_column.get(column) is None or text in words:
            continue
        if words:
            from infosweep.study.faults import did_you_mean

            yield WhereError(
                f"{column} has no {text!r}{did_you_mean(text, words)}",
                f"write one of {listed(words)}",
                offset,
                length,
            )
        else:
            yield WhereError(
                f"{column} holds numbers, not the text {text!r}",
                "take the quotes away",
                offset,
                length,
            )


def _note(draft: Draft, item: Node, error: WhereError) -> None:
    place = item.place.part(error.offset, error.length) if item.exact else item.place
    if not item.place.source.lines:
        place = item.place
    draft.report.add(place, error.message, error.mend)


class _Grid:
    """Checks over combinations of axes that `where` keeps; each looks at the few axes that it needs."""

    def __init__(self, draft: Draft, conditions: list[tuple[Where, Node]]) -> None:
        self.draft, self.columns = draft, draft.columns
        self.axes = {name: axis.values for name, axis in draft.axes.items()}
        axis_of = {column: name for name, column in self.columns.items()}
        self.task_axes = {name for name in self.axes if name.startswith("task.")}
        sized = {"train_size", *self.task_axes}
        full = "full" in self.axes.get("batch_size", ())
        derived = {
            "n_train": sized,
            "batch_used": {"batch_size", *sized},
            "full_batch": {"batch_size"},
            "batch_size": {"batch_size", *(sized if full else ())},
        }
        self.conditions: list[tuple[Where, Node]] = []
        self.needed: set[str] = set()
        self.decidable = "task" not in draft.bad and "axes" not in draft.bad
        for where, item in conditions:
            needed = set[str]().union(
                *(derived.get(name) or {axis_of[name]} for name in where.names)
            )
            if needed <= self.axes.keys():
                self.conditions.append((where, item))
                self.needed |= needed
            else:
                self.decidable = False  # an axis that it names could not be read
        self.sections: dict[tuple[Any, ...], Sections] = {}

    def check(self) -> None:
        """Note a grid that `where` empties, and each combination that can't be."""
        if "task" in self.draft.bad:
            return
        if self.conditions and self.decidable:
            kept = self.kept(())
            if kept is not None and next(kept, None) is None and self.decidable:
                _, item = self.conditions[0]
                message = (
                    "where keeps no cell"
                    if len(self.conditions) == 1
                    else "together, the conditions of where keep no cell"
                )
                self.draft.report.add(
                    item.place, message, "loosen it, or add values to the axes that it names"
                )
        training = [
            name for name in ("training.optimizer", "training.momentum") if name in self.axes
        ]
        checks: list[tuple[list[str], Callable[[Values], None]]] = [
            (["train_size", *self.task_axes], self.train_size),
            (["depth", *(name for name in ("model.widths",) if name in self.axes)], self.depth),
        ]
        if "training.momentum" in self.axes:
            checks.append((training, self.momentum))
        for names, test in checks:
            if not set(names) <= self.axes.keys():
                continue
            seen = set[tuple[Any, ...]]()
            for values in self.kept(names) or ():
                key = tuple(values[name] for name in names)
                if key not in seen:
                    seen.add(key)
                    test(values)

    def kept(self, names: list[str] | tuple[()]) -> Iterator[Values] | None:
        """Return combinations of the named axes for which some cell is kept; None if they are too many."""
        points = combinations(self.axes, self.draft.zip, {*names, *self.needed})
        if points is None and self.conditions:
            return None
        return (values for values in points or () if self._keeps(values))

    def _keeps(self, values: Values) -> bool:
        for index, (where, item) in enumerate(self.conditions):
            # Only the task's axes change the columns that are worked out, and few values they have.
            task, _, _ = self._sections(
                {name: values[name] for name in self.task_axes & values.keys()}
            )
            row = columns_of(task, values, self.columns)
            try:
                if not where.test(row):
                    return False
            except WhereError as error:
                _note(self.draft, item, error)
                del self.conditions[index]
                self.decidable = False
                return self._keeps(values)
        return True

    def _sections(self, values: Values) -> Sections:
        dotted = {name: value for name, value in values.items() if name not in FOUR_AXES}
        key = tuple(dotted.items())
        if key not in self.sections:
            self.sections[key] = apply_axes(
                (self.draft.task, self.draft.model, self.draft.training), dotted
            )
        return self.sections[key]

    def _add(self, names: tuple[str, ...], values: Values, message: str, mend: str) -> None:
        """Note a fault where the first of the named axes that is written has its value."""
        for name in names:
            axis = self.draft.axes.get(name)
            place: Place | None = (
                axis.place_of(values[name]) if axis is not None and name in values else None
            )
            if place is not None:
                self.draft.report.add(place, message, mend)
                return
            if name not in FOUR_AXES and self.draft.has(name):
                self.draft.report.add(self.draft.value_place(name), message, mend)
                return
        self.draft.report.add(self.draft.field_place("axes"), message, mend)

    def train_size(self, values: Values) -> None:
        """Note a train_size that the task can't give, and a validation part that leaves nothing."""
        if {"task.holdout", "task.validation"} & self.draft.bad:
            return
        task, size = self._sections(values)[0], values["train_size"]
        names = ("train_size", "task.holdout", "task.kind")
        n_train, available = n_train_of(task, size), task.n_available
        if n_train > available or (
            size <= 1 and not task.n_own_test and size > 1 - task.holdout + 1e-9
        ):
            if task.n_own_test:
                rule, mend = (
                    f"task {task.kind} has {available:,} training examples",
                    f"write at most {available}",
                )
            else:
                share = task.default_train_size
                rule = f"holdout {task.holdout:g} leaves {share:g} of {task.n:,} examples, which is {available:,}"
                mend = f"write at most {share:g}, or make task.holdout smaller"
            self._add(names, values, f"train_size {size:g} is too large: {rule}", mend)
        elif n_train < 2:
            message = (
                f"train_size {size:g} of {task.n:,} examples is {n_train}; at least 2 are needed"
            )
            mend = f"write at least {2 / task.n:.2g}, or a count"
            if "train_size" not in self.draft.written:
                mend = "make task.holdout smaller"
            self._add(names, values, message, mend)
        elif n_train - int(task.validation * n_train + 1e-9) < 1:
            message = f"validation {task.validation:g} of {n_train} training examples leaves none to train on"
            self._add(
                ("task.validation", "train_size"),
                values,
                message,
                "make validation smaller or train_size larger",
            )

    def depth(self, values: Values) -> None:
        """Note a depth for which there are no widths."""
        if {"model", "model.hidden", "model.widths"} & self.draft.bad:
            return
        model, depth = self._sections(values)[1], values["depth"]
        if isinstance(model, OwnModelSettings):
            return
        if model.widths == "prefix" and depth > len(model.hidden):
            message = (
                f"depth {depth} needs {depth} hidden widths; model.hidden has {len(model.hidden)}"
            )
            mend = "add widths to model.hidden, or write model.widths: constant or equal-parameters"
            self._add(("depth", "model.hidden"), values, message, mend)

    def momentum(self, values: Values) -> None:
        """Note a momentum beside an optimiser that has none."""
        training = self._sections(values)[2]
        if training.optimizer == "adam" and training.momentum > 0:
            message = f"momentum {training.momentum:g} has no effect with optimizer adam"
            self._add(
                ("training.momentum",),
                values,
                message,
                'add to where: optimizer != "adam" or momentum == 0',
            )
