"""A task of the user's own: `task: {kind: package.module:function}`.

The function takes no arguments and returns `(inputs, labels)`, or a dict of them that may add `test_inputs` and
`test_labels` (a test part of its own, in place of `holdout`) and `n_classes` (else the largest label + 1):

    def rings():
        random = numpy.random.default_rng(0)
        radius, angle = random.uniform(0, 2, 1000), random.uniform(0, 6.283, 1000)
        return numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], axis=1), (radius > 1).astype(int)

- inputs: numbers, (n, ...), finite; stored as float32. Each example has the shape `inputs.shape[1:]`.
- labels: whole numbers 0..K-1, (n,); every class occurs unless `n_classes` is given.
- The same arrays at each call: draw from a seeded generator. What the arrays hold is part of `trial_id`.

NumPy arrays, lists, and what else `numpy.asarray` takes (tensors of torch on the CPU among them) will do.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infosweep.data.problem import Task
from infosweep.errors import UsageError
from infosweep.study.faults import did_you_mean, listed
from infosweep.study.functions import OwnFunction, find_function
from infosweep.study.own import OwnTaskSettings, TaskFacts

KEYS = ("inputs", "labels", "test_inputs", "test_labels", "n_classes")
LEAST_EXAMPLES = 4  # two to train on, one to test, and something to draw
MOST_CLASSES = 100_000
_CALLED_TWICE = (
    2.0  # seconds; a function that takes longer is called once, and checked by each worker
)

_LOCK = threading.Lock()
_Made = tuple[Task, TaskFacts]
_MADE: dict[tuple[str, str], tuple[Any, _Made]] = {}


def look_at(kind: str, folder: str) -> TaskFacts:
    """Call a task's function and return what it gives.

    Args:
        kind: `package.module:function`.
        folder: where the module is looked for first.

    Raises:
        UsageError: there is no such function, it fails, or what it returns is no task; with the user's
            own file and line.
    """
    with _LOCK:
        return _get(kind, folder, suspicious=True)[1]


def load(settings: OwnTaskSettings) -> Task:
    """Return the examples of a task that was looked at; made once per process, not to be written to.

    Raises:
        UsageError: as `look_at`; or the examples are not those that were looked at.
    """
    with _LOCK:
        task, facts = _get(settings.kind, settings.folder, suspicious=False)
    if facts != settings.found:
        raise UsageError(
            f"task {settings.kind!r} gives other examples than when it was looked at",
            "load the study again if the task was changed; else draw from a seeded generator, as "
            "numpy.random.default_rng(0)",
        )
    return task


def _get(kind: str, folder: str, *, suspicious: bool) -> _Made:
    function = find_function("task", kind, folder, ())
    held = _MADE.get((kind, folder))
    if held is not None and held[0] is function.function:
        return held[1]
    started = time.monotonic()
    made = _make(function)
    if suspicious and time.monotonic() - started < _CALLED_TWICE and _make(function)[1] != made[1]:
        raise function.fault(
            "it returns other examples each time it is called",
            "draw from a seeded generator, as numpy.random.default_rng(0)",
        )
    _MADE[kind, folder] = (function.function, made)
    return made


def _make(function: OwnFunction) -> _Made:
    parts = _parts(function, function())
    with function.blamed("when its arrays were read"):
        inputs, labels = _examples(function, parts["inputs"], parts["labels"], "")
        n, n_own_test = len(labels), 0
        if "test_inputs" in parts:
            more = _examples(function, parts["test_inputs"], parts["test_labels"], "test_")
            if more[0].shape[1:] != inputs.shape[1:]:
                raise function.fault(
                    f"an example of inputs has shape {inputs.shape[1:]}, of test_inputs {more[0].shape[1:]}",
                    "give both the same",
                )
            inputs, labels = np.concatenate([inputs, more[0]]), np.concatenate([labels, more[1]])
            n_own_test = len(more[1])
    if n < LEAST_EXAMPLES:
        raise function.fault(
            f"it has {n} examples; at least {LEAST_EXAMPLES} are needed", "return more examples"
        )
    n_classes = _n_classes(function, labels, parts.get("n_classes"))
    facts = TaskFacts(
        n=n,
        n_own_test=n_own_test,
        input_shape=inputs.shape[1:],
        n_classes=n_classes,
        content=_content(inputs, labels),
    )
    flat = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    return Task(function.kind, flat, labels, n_classes, n_own_test), facts


def _content(*arrays: NDArray[Any]) -> str:
    """Return a hash of dtype, shape and bytes of arrays; bytes in little-endian order."""
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        found.update(f"{array.dtype.str[1:]}{array.shape}".encode())
        found.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return found.hexdigest()


def _parts(function: OwnFunction, returned: object) -> Mapping[str, Any]:
    mend = "return (inputs, labels), or a dict of inputs and labels"
    if isinstance(returned, Mapping):
        for key in returned:
            if key not in KEYS:
                hint = did_you_mean(str(key), KEYS)
                raise function.fault(
                    f"it returns the key {key!r}{hint}", f"keys are {listed(KEYS)}"
                )
        pairs = [("inputs", "labels")]
        if "test_inputs" in returned or "test_labels" in returned:
            pairs.append(("test_inputs", "test_labels"))
        for key in (key for pair in pairs for key in pair):
            if returned.get(key) is None:
                raise function.fault(f"it returns no {key}", mend)
        return returned
    if isinstance(returned, tuple | list) and len(returned) == 2:
        return {"inputs": returned[0], "labels": returned[1]}
    what = type(returned).__name__
    if isinstance(returned, tuple | list):
        what = f"{what} of {len(returned)}"
    if returned is None:
        what = "nothing (None)"
    raise function.fault(f"it returns {what}", mend)


def _examples(
    function: OwnFunction, inputs: object, labels: object, prefix: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    x, y = (
        _inputs(function, inputs, f"{prefix}inputs"),
        _labels(function, labels, f"{prefix}labels"),
    )
    if len(x) != len(y):
        raise function.fault(
            f"{prefix}inputs has {len(x):,} examples, {prefix}labels {len(y):,}",
            "return one label for each example",
        )
    return x, y


def _array(function: OwnFunction, value: object, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of unequal length
        raise function.fault(
            f"{name} has rows of unequal length", "return one array, every row of one shape"
        ) from None
    if array.dtype.kind in "OUSV":
        kind = "text" if array.dtype.kind in "US" else f"dtype {array.dtype}"
        mend = "number the classes: np.unique(labels, return_inverse=True)[1]"
        if not name.endswith("labels"):
            mend = "return an array of numbers"
        raise function.fault(f"{name} must be numbers, not {kind}", mend)
    return array


def _inputs(function: OwnFunction, value: object, name: str) -> NDArray[np.float32]:
    array = _array(function, value, name)
    if array.dtype.kind not in "biuf":
        raise function.fault(
            f"{name} must be real numbers, not {array.dtype}", "return float32 or float64"
        )
    if array.ndim < 2:
        raise function.fault(
            f"{name} has shape {array.shape}; (n, d) is needed, an example a row",
            "return inputs.reshape(-1, 1)" if array.ndim else "return an array",
        )
    if 0 in array.shape[1:]:
        raise function.fault(f"{name} has shape {array.shape}: no numbers in it", "fill it")
    with np.errstate(over="ignore"):
        stored = np.array(array, np.float32, order="C")
    if not np.isfinite(stored).all():
        bad = ~np.isfinite(stored)
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        shown = f"{name}[{', '.join(map(str, place))}] is {array[place]}"
        reason = "" if not np.isfinite(array[place]) else ", too large for float32"
        raise function.fault(
            f"{bad.sum():,} values of {name} are not finite: {shown}{reason}",
            "drop those examples, or fill in and scale their values",
        )
    return stored


def _labels(function: OwnFunction, value: object, name: str) -> NDArray[np.int64]:
    array = _array(function, value, name)
    if array.ndim != 1:
        mend = f"return {name}.ravel()"
        if array.ndim == 2 and array.shape[1] > 1:
            mend = f"return {name}.argmax(axis=1) if they are one-hot"
        raise function.fault(f"{name} has shape {array.shape}; (n,) is needed", mend)
    if array.dtype.kind not in "biu":
        raise function.fault(
            f"{name} must be whole numbers 0..K-1, not {array.dtype}",
            f"return {name}.astype(int) if they are classes",
        )
    if array.size and (array.min() < 0 or array.max() >= MOST_CLASSES):
        raise function.fault(
            f"{name} must be 0..K-1, and go from {array.min()} to {array.max()}",
            "number the classes: np.unique(labels, return_inverse=True)[1]",
        )
    return np.array(array, np.int64)


def _n_classes(function: OwnFunction, labels: NDArray[np.int64], stated: object) -> int:
    counts = np.bincount(labels)
    if stated is None:
        if len(counts) < 2:
            raise function.fault("all labels are 0", "return two classes or more")
        if not counts.all():
            missing = int(np.argmin(counts > 0))
            raise function.fault(
                f"labels go to {len(counts) - 1}, and class {missing} has no example",
                "number the classes: np.unique(labels, return_inverse=True)[1]; or return n_classes "
                "in a dict if a class may be empty",
            )
        return len(counts)
    whole = isinstance(stated, int | np.integer) and not isinstance(stated, bool)
    if not whole or not 2 <= int(stated) <= MOST_CLASSES:  # pyright: ignore[reportArgumentType]
        raise function.fault(
            f"n_classes must be a whole number from 2 to {MOST_CLASSES:,}, not {stated!r}",
            "return the number of classes, or leave it out",
        )
    n_classes = int(stated)  # pyright: ignore[reportArgumentType]
    if len(counts) > n_classes:
        raise function.fault(
            f"labels go to {len(counts) - 1}, and n_classes is {n_classes}",
            f"return n_classes {len(counts)}, or leave it out",
        )
    return n_classes
