"""Every table that infosweep writes: columns, types, units, in one place, as plain data.

Types are `string`, `int64`, `double`, `bool` and `timestamp` (UTC, microseconds). Information is in bits,
losses in nats. Null means not computed; NaN is never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA_VERSION = 1

Type = Literal["string", "int64", "double", "bool", "timestamp"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: name, type, unit ('' where it has none), what it holds, whether it may be null."""

    name: str
    type: Type
    unit: str
    about: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its own columns follow those that every table repeats (`TRIAL_COLUMNS`, further axes)."""

    name: str
    about: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]


def _text(name: str, about: str, *, nullable: bool = False) -> Column:
    return Column(name, "string", "", about, nullable)


def _count(name: str, unit: str, about: str, *, nullable: bool = False) -> Column:
    return Column(name, "int64", unit, about, nullable)


def _number(name: str, unit: str, about: str, *, nullable: bool = True) -> Column:
    return Column(name, "double", unit, about, nullable)


TRIAL_COLUMNS = (
    _text("trial_id", "content hash of the trial"),
    _text("study", "name of the study"),
    _count("seed", "", "seed of the trial"),
    _number(
        "train_size",
        "",
        "training examples as written: a fraction of the task's examples, or a count",
        nullable=False,
    ),
    _count("n_train", "examples", "training examples, validation part included"),
    _count("batch_size", "examples", "batch size as written; n_train where it is `full`"),
    _count("batch_used", "examples", "batch size in force: at most the examples trained on"),
    Column("full_batch", "bool", "", "whether batch_size was written as `full`"),
    _count(
        "depth", "layers", "hidden layers; null for a network without that notion", nullable=True
    ),
    _number(
        "label_noise",
        "",
        "probability that a training label is redrawn uniformly over the classes",
        nullable=False,
    ),
)

_MOMENT = (
    _count("step", "steps", "optimiser steps taken"),
    _count("epoch", "epochs", "finished passes over the training examples; 0 before training"),
)

TRIALS = Table(
    "trials",
    "one row per trial: its settings and how it ended",
    (
        _text("status", "done or diverged"),
        _text("task", "kind of the task"),
        _number("holdout", "", "share of all examples kept for testing", nullable=False),
        _number(
            "validation", "", "share of the training subset kept for validation", nullable=False
        ),
        _text("model", "kind of the network"),
        _text("hidden", "widths of the hidden layers in use, as JSON"),
        _text("widths", "rule that gives the widths at a depth; null but for mlp", nullable=True),
        _text(
            "activation",
            "activation function of the hidden layers; null but for mlp",
            nullable=True,
        ),
        _text("init", "distribution of the initial weights; null but for mlp", nullable=True),
        _text("optimizer", "optimiser"),
        _number("learning_rate", "", "learning rate", nullable=False),
        _number("momentum", "", "momentum", nullable=False),
        _number("weight_decay", "", "L2 coefficient added to the gradient", nullable=False),
        _count("epochs", "epochs", "epochs asked for; null where steps were", nullable=True),
        _text("settings", "canonical JSON of all that trial_id is the hash of"),
        _count("n_parameters", "", "weights and biases"),
        _count("steps", "steps", "optimiser steps taken in all"),
        _number("train_loss", "nats", "cross entropy on the training examples at the end"),
        _number("test_loss", "nats", "cross entropy on the test examples at the end"),
        _number(
            "train_accuracy", "", "accuracy on the given labels of the training examples at the end"
        ),
        _number("test_accuracy", "", "accuracy on the test examples at the end"),
        _text("engine", "engine that trained it"),
        _text("device", "device that it was trained on"),
        _text("pack_id", "pack that it was trained in"),
        _text("attempt", "attempt that was committed"),
        _text("host", "machine that trained it"),
        _number("train_seconds", "s", "time spent in training", nullable=False),
        _number("measure_seconds", "s", "time spent in measuring", nullable=False),
        Column("started_at", "timestamp", "UTC", "start of training"),
        Column("finished_at", "timestamp", "UTC", "end of training"),
    ),
    ("trial_id",),
)

FAILURES = Table(
    "failures",
    "one row per failed attempt of a trial",
    (
        _text("pack_id", "pack of the attempt"),
        _text("attempt", "the attempt"),
        _text("error_kind", "class of the exception"),
        _text("error", "its message"),
        _text("log", "its traceback"),
        _text("host", "machine of the attempt"),
        Column("failed_at", "timestamp", "UTC", "when it failed"),
    ),
    ("trial_id", "attempt"),
)

CURVES = Table(
    "curves",
    "one row per trial, checkpoint and split (train, validation, test, all, train_clean, train_corrupted)",
    (
        *_MOMENT,
        _text("split", "examples of the row"),
        _count("n", "examples", "examples of the row"),
        _number("loss", "nats", "cross entropy against the given labels"),
        _number("loss_scaled", "nats", "the same after temperature scaling"),
        _number("temperature", "", "temperature, fitted on validation, else on train"),
        _number("accuracy", "", "accuracy against the given labels"),
        _number("accuracy_true", "", "accuracy against the true labels"),
        _number("i_decision", "bits", "information of predicted and true class"),
        _number(
            "i_rank",
            "bits",
            "information of 15 equal-count cells of the logit difference and the true class; two classes only",
        ),
        _number("auc", "", "area under the ROC curve for the true labels, macro, one against rest"),
    ),
    ("trial_id", "step", "split"),
)

INFORMATION = Table(
    "information",
    "one row per trial, checkpoint, layer, sample and estimator",
    (
        *_MOMENT,
        _count("layer", "", "layer, counted from 1; the last is the softmax output"),
        _text("layer_name", "name of the layer"),
        _count("width", "units", "units of the layer"),
        _text("sample", "examples measured: all, train or test"),
        _text("estimator_id", "estimator with its settings"),
        _text("estimator", "kind of the estimator"),
        _number(
            "i_xt", "bits", "information of input and layer (the upper bound where there are two)"
        ),
        _number("i_xt_lower", "bits", "lower bound of i_xt"),
        _number("i_xt_se", "bits", "standard error of i_xt"),
        _number("i_ty", "bits", "information of layer and true label"),
        _number(
            "i_ty_lower", "bits", "the same from the lower bounds; a difference of bounds, no bound"
        ),
        _number("i_ty_se", "bits", "standard error of i_ty"),
        _number("i_ty_given", "bits", "information of layer and given label; sample train only"),
        _number("i_ty_null", "bits", "mean of i_ty over 20 permutations of the labels"),
        _number("i_ty_null_sd", "bits", "standard deviation (ddof 1) over those permutations"),
        _number("h_t", "bits", "entropy of the layer's codes"),
        _number("h_y", "bits", "entropy of the true label in the sample"),
        _count("n", "examples", "examples measured"),
        _number("log2_n", "bits", "log2 of n, the most that i_xt can be"),
        _number("unique_fraction", "", "distinct codes per example"),
        _number("singleton_fraction", "", "examples whose code no other example has"),
        _number("clipped_fraction", "", "activations outside the range of the bins"),
        _number("dead_fraction", "", "units with the same activation for every example"),
        _number("within_class", "", "variance within classes, summed over units"),
        _number("between_class", "", "variance between class means, summed over units"),
        Column(
            "saturated",
            "bool",
            "",
            "i_xt above .95 log2 n: nearly every example has its own code",
            True,
        ),
        _text("correction", "bias correction", nullable=True),
        _text("parameters", "parameters of the estimator as JSON"),
    ),
    ("trial_id", "step", "estimator_id", "sample", "layer"),
)

GRADIENTS = Table(
    "gradients",
    "one row per trial, checkpoint and layer: minibatch gradients of the frozen network over one pass",
    (
        *_MOMENT,
        _count("layer", "", "layer, counted from 1"),
        _count("n_batches", "batches", "full batches in the pass"),
        _number("weight_norm", "", "Frobenius norm of the weights"),
        _number("mean_norm", "", "norm of the mean gradient over batches; null below two batches"),
        _number(
            "std_norm", "", "norm of its standard deviation over batches; null below two batches"
        ),
        _number("snr_raw", "", "mean_norm / std_norm"),
        _number("snr", "", "the same with the noise of the mean taken off"),
    ),
    ("trial_id", "step", "layer"),
)

WRITTEN_BY_EVERY_RUN = (TRIALS, CURVES, INFORMATION, GRADIENTS)
TABLES = {table.name: table for table in (*WRITTEN_BY_EVERY_RUN, FAILURES)}

# Columns of the run, which two runs of one study may differ in.
RUN_COLUMNS = frozenset(
    {
        "pack_id",
        "attempt",
        "device",
        "host",
        "train_seconds",
        "measure_seconds",
        "started_at",
        "finished_at",
        "failed_at",
    }
)
