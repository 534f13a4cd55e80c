"""What a study may say: one frozen settings class per section, and the kinds that this version has.

Only single values are checked here; what values say about each other is checked in `checks.py`, where
every fault can be reported at once with its place.
"""

# ruff: noqa: RUF009 - `option` returns a dataclass field

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from infosweep.study.faults import Report, Source, did_you_mean, listed
from infosweep.study.kinds import (
    Choice,
    Interval,
    ListOf,
    NoneYet,
    Number,
    Text,
    WordOr,
    unavailable,
    whole,
)
from infosweep.study.models import LATER_MODELS, MODELS, Activation, MlpSettings, n_parameters
from infosweep.study.nodes import Node, describe, from_python
from infosweep.study.own import OwnModelSettings, OwnTaskSettings
from infosweep.study.section import Section, option, read_fields
from infosweep.study.tasks import (
    LATER_TASKS,
    TASKS,
    Binary12Settings,
    DigitsSettings,
    Mnist1dSettings,
    TaskSettings,
)

AnyTask = Binary12Settings | DigitsSettings | Mnist1dSettings | OwnTaskSettings
AnyModel = MlpSettings | OwnModelSettings

# What the other layers import from here, wherever it is defined.
__all__ = [
    "ESTIMATORS",
    "FINDING_NAMES",
    "FOUR_AXES",
    "MODELS",
    "TASKS",
    "Activation",
    "AnyEstimator",
    "AnyModel",
    "AnyTask",
    "Binary12Settings",
    "BinsSettings",
    "DigitsSettings",
    "FindingName",
    "LimitSettings",
    "MlpSettings",
    "Mnist1dSettings",
    "OwnModelSettings",
    "OwnTaskSettings",
    "RecordSettings",
    "ResourceSettings",
    "Section",
    "StudySettings",
    "TaskSettings",
    "TrainingSettings",
    "estimator_id",
    "estimator_parameters",
    "estimator_settings",
    "model_settings",
    "n_parameters",
    "task_settings",
]  # fmt: skip

FOUR_AXES = ("train_size", "batch_size", "depth", "label_noise")
LARGEST_SEED = 2**63 - 1  # seeds are stored as int64

# --- training -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Section):
    """How the networks are trained; `steps` instead of `epochs` fixes the optimiser steps."""

    later: ClassVar[Mapping[str, Any]] = {
        "schedule": {"kind": "constant"},
        "mixup": 0,
        "augment": [],
        "adversarial": None,
        "stop_at_accuracy": None,
        "precision": "float32",
    }

    optimizer: Literal["sgd", "momentum", "adam"] = option(
        Choice(("sgd", "momentum", "adam")),
        "adam",
        about="optimiser; momentum is sgd with momentum .9 unless given",
    )
    learning_rate: float = option(Number(over=0), 0.0004, about="learning rate")
    momentum: float = option(Number(least=0, under=1), 0.0, about="momentum of sgd and momentum")
    weight_decay: float = option(Number(least=0), 0.0, about="L2 coefficient added to the gradient")
    epochs: int = option(whole(1, 10**9), 4000, about="passes over the training examples")
    steps: int | None = option(
        whole(1, 10**12), None, about="optimiser steps, instead of epochs", example="10000"
    )
    engine: Literal["auto", "fused", "torch"] = option(
        Choice(("auto", "fused", "torch")),
        "auto",
        about="what trains the networks; auto is decided by the study alone",
    )

    @property
    def n_epochs(self) -> int | None:
        """Epochs to train; None where `steps` is given."""
        return None if self.steps is not None else self.epochs

    @property
    def used_momentum(self) -> float:
        """Momentum in force: 0.9 for optimizer `momentum` where the field is left at 0."""
        return 0.9 if self.optimizer == "momentum" and self.momentum == 0 else self.momentum


# --- recording, estimators ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RecordSettings(Section):
    """What is measured, and when."""

    checkpoints: int = option(
        whole(2, 100_000), 60, about="at most so many epochs at which measurements are taken"
    )
    spacing: Literal["log", "linear"] = option(
        Choice(("log", "linear")), "log", about="spacing of the checkpoints"
    )
    samples: tuple[Literal["all", "train", "test"], ...] = option(
        ListOf(Choice(("all", "train", "test")), least=1, distinct=True),
        ("all", "train", "test"),
        about="examples on which information is measured",
    )
    probe: int = option(
        whole(2), 4096, about="at most so many examples of a sample are measured, drawn by the seed"
    )
    layers: Literal["all"] | tuple[int, ...] = option(
        WordOr(("all",), ListOf(whole(1), least=1, distinct=True)),
        "all",
        about="layers that are measured, counted from 1; the last is the softmax output",
    )
    measures: tuple[str, ...] = option(
        NoneYet("measure"), (), about="further measures; none in this version"
    )


@dataclass(frozen=True, kw_only=True)
class BinsSettings(Section):
    """Plug-in information of binned activations; one of the rules `bins`, `edges`, `width`, `quantiles`."""

    kind: Literal["bins"] = option(
        Choice(("bins",)), "bins", about="plug-in information of binned activations"
    )
    bins: int = option(whole(1, 1_000_000), 30, about="so many equal cells over `range`")
    range: tuple[float, float] | Literal["per-layer", "per-epoch"] = option(
        WordOr(("per-layer", "per-epoch"), Interval()),
        (-1.0, 1.0),
        about="interval of the bins. per-layer: minimum to maximum of this layer at this checkpoint; "
        "per-epoch: of all layers at this checkpoint",
    )
    edges: tuple[float, ...] | None = option(
        ListOf(Number(), least=1, ascending=True),
        None,
        about="exactly these edges, as numpy.digitize",
        example="[-0.5, 0, 0.5]",
    )
    width: float | None = option(
        Number(over=0), None, about="cells floor(t / width)", example="0.07"
    )
    quantiles: int | None = option(
        whole(2, 1_000_000), None, about="so many quantile cells per unit", example="15"
    )
    correction: Literal["none"] = option(
        Choice(("none",), ("miller-madow", "grassberger", "chao-shen", "nsb")),
        "none",
        about="bias correction",
    )

    @property
    def rule(self) -> Literal["bins", "edges", "width", "quantiles"]:
        """Which of the four ways to place edges is in force."""
        if self.edges is not None:
            return "edges"
        if self.width is not None:
            return "width"
        return "bins" if self.quantiles is None else "quantiles"


AnyEstimator = BinsSettings  # a union over `kind` once there are several

# --- the rest -----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ResourceSettings(Section):
    """What one pack gets."""

    cpus: int = option(whole(1, 100_000), 1, about="CPU cores of one pack")
    gpus: float = option(Number(least=0), 0.0, about="GPUs of one pack, a share of one allowed")
    pack: Literal["auto"] | int = option(
        WordOr(("auto",), whole(1)), "auto", about="networks trained together"
    )


@dataclass(frozen=True, kw_only=True)
class LimitSettings(Section):
    """What is refused before anything runs."""

    trials: int = option(whole(1), 5000, about="a study with more trials is refused")


FindingName = Literal["overcompression", "depth_benefit", "batch_information", "label_noise_effect"]
FINDING_NAMES: tuple[FindingName, ...] = (
    "overcompression",
    "depth_benefit",
    "batch_information",
    "label_noise_effect",
)
LATER_FINDINGS = (
    *(
        "phases",
        "steadiness",
        "compression_generalization",
        "memorization",
        "time_to_fit",
        "regularization",
        "mixup",
    ),
    *(
        "content_awareness",
        "loss_sensitivity",
        "critical_samples",
        "capacity",
        "learning_curve",
        "importance",
    ),
)

# --- kinds --------------------------------------------------------------------------------------------

ESTIMATORS: dict[str, type[Section]] = {"bins": BinsSettings}
OWN: dict[str, type[Section]] = {"task": OwnTaskSettings, "model": OwnModelSettings}
LATER_KINDS = {
    "task": LATER_TASKS,
    "model": LATER_MODELS,
    "estimator": ("kde", "exact", "noisy", "knn", "gaussian"),
}


def kind_of(
    node: Node, kinds: Mapping[str, type[Section]], family: str, report: Report, what: str
) -> type[Section] | None:
    """Return the settings class that a mapping's `kind` names; note what is wrong and return None.

    Args:
        node: the mapping.
        kinds: name -> settings class.
        family: task, model or estimator.
        report: takes the faults.
        what: dotted path of the mapping.
    """
    default = None if family == "task" else next(iter(kinds))
    if node.kind != "map":
        example = default or next(iter(kinds))
        report.add(
            node.place,
            f"{what} must be a mapping, not {describe(node)}",
            f"write {{kind: {example}}}",
        )
        return None
    if "kind" not in node.entries:
        if default is not None:
            return kinds[default]
        report.add(node.place, f"{what} has no kind", f"add kind: one of {listed(kinds)}")
        return None
    named = node.entries["kind"][1]
    value = named.value
    if named.kind == "scalar" and isinstance(value, str) and named.trap is None:
        if value in kinds:
            return kinds[value]
        if family in OWN and ":" in value:  # package.module:function
            return OWN[family]
        if value in LATER_KINDS[family]:
            message = unavailable(f"{family} {value!r}", tuple(kinds))
        else:
            message = f"no {family} {value!r}{did_you_mean(value, kinds)}"
        report.add(
            named.place,
            message,
            f"write one of {listed(kinds)}" if len(kinds) > 1 else f"write {next(iter(kinds))}",
        )
    else:
        Text().read(named, report, f"{what}.kind", next(iter(kinds)))
    return None


def _settings(data: Mapping[str, Any], kinds: Mapping[str, type[Section]], family: str) -> Any:
    report = Report()
    node = from_python(data, Source(family))
    cls = kind_of(node, kinds, family, report, family)
    values = read_fields(cls, node, report, "") if cls is not None else {}
    if cls in OWN.values() and "found" not in values:
        report.add(node.place, f"{family} {data.get('kind')!r} was not looked at", _LOOK_MEND)
    report.done()
    assert cls is not None
    return cls(**values)


_LOOK_MEND = "load it with the study that names it"


def task_settings(data: Mapping[str, Any]) -> AnyTask:
    """Return the settings of a task from a mapping with its `kind`; StudyError names every fault.

    >>> task_settings({"kind": "digits"}).n
    1797
    """
    return _settings(data, TASKS, "task")


def model_settings(data: Mapping[str, Any]) -> AnyModel:
    """Return the settings of a model from a mapping with its `kind`; StudyError names every fault.

    >>> model_settings({"kind": "mlp", "hidden": [4]}).hidden_at(1, 12, 2)
    (4,)
    """
    return _settings(data, MODELS, "model")


def estimator_settings(data: Mapping[str, Any]) -> AnyEstimator:
    """Return the settings of an estimator from a mapping with its `kind`; StudyError names every fault.

    >>> estimator_settings({"kind": "bins", "bins": 60}).rule
    'bins'
    """
    return _settings(data, ESTIMATORS, "estimator")


def estimator_id(settings: AnyEstimator) -> str:
    """Return the kind with the fields that are not at their default, in their order.

    >>> estimator_id(BinsSettings()), estimator_id(BinsSettings(bins=60, range="per-layer"))
    ('bins', 'bins(bins=60, range=per-layer)')
    """
    fields = settings.model_dump(exclude_defaults=True)
    shown = [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in fields.items()
    ]
    return f"{settings.kind}({', '.join(shown)})" if shown else settings.kind


def estimator_parameters(settings: AnyEstimator) -> str:
    """Return all fields but the kind as JSON.

    >>> estimator_parameters(BinsSettings(width=0.07))
    '{"width": 0.07, "correction": "none"}'
    """
    return json.dumps({name: value for name, value in in_force(settings).items() if name != "kind"})


def in_force(settings: AnyEstimator) -> dict[str, Any]:
    """Return the fields of an estimator without those that its rule does not use."""
    unused = {"bins", "range", "edges", "width", "quantiles"} - {settings.rule}
    if settings.rule == "bins":
        unused.discard("range")
    return {name: value for name, value in settings.model_dump().items() if name not in unused}


@dataclass(frozen=True, kw_only=True)
class StudySettings(Section):
    """One study. Axes are resolved: each name maps to its tuple of values, the four axes always among them."""

    infosweep: Literal[1] = 1
    name: str
    task: AnyTask
    model: AnyModel = MlpSettings()
    training: TrainingSettings = TrainingSettings()
    axes: dict[str, tuple[Any, ...]]
    zip: tuple[tuple[str, ...], ...] = ()
    where: tuple[str, ...] = ()
    tuned: tuple[str, ...] = ()
    seeds: tuple[int, ...] = tuple(range(8))
    record: RecordSettings = RecordSettings()
    estimators: tuple[AnyEstimator, ...] = (BinsSettings(),)
    findings: tuple[FindingName, ...] = ()
    resources: ResourceSettings = ResourceSettings()
    limits: LimitSettings = LimitSettings()
    retries: int = 2

    def __post_init__(self) -> None:
        """Take mappings for sections, as the reader of a stored study may hand them over."""
        given: dict[str, Any] = {
            "task": self.task,
            "estimators": self.estimators,
            "axes": self.axes,
        }
        if isinstance(given["task"], Mapping):
            object.__setattr__(self, "task", task_settings(given["task"]))
        values = {name: tuple(axis) for name, axis in given["axes"].items()}
        object.__setattr__(self, "axes", values)
