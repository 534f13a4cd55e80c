"""Settings of the networks, each with its widths and parameter count."""

# ruff: noqa: RUF009 - `option` returns a dataclass field

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from infosweep.study.kinds import Choice, ListOf, whole
from infosweep.study.section import Section, option

Activation = Literal["tanh", "relu", "sigmoid", "softplus", "softsign", "linear"]
Widths = Literal["prefix", "constant", "equal-parameters"]


@dataclass(frozen=True, kw_only=True)
class MlpSettings(Section):
    """A multilayer perceptron with softmax output; depth d uses the first d hidden widths."""

    later: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(
            ("dropout", "input_dropout", "input_noise_sd", "hidden_noise_sd", "noise_sd"), 0
        ),
        "quantize": None,
        "width": 1,
    }

    kind: Literal["mlp"] = option(
        Choice(("mlp",)), "mlp", about="multilayer perceptron with softmax output"
    )
    hidden: tuple[int, ...] = option(
        ListOf(whole(1, 100_000), least=1),
        (10, 7, 5, 4, 3),
        about="widths of the hidden layers, first to last",
    )
    activation: Activation = option(
        Choice(("tanh", "relu", "sigmoid", "softplus", "softsign", "linear")),
        "tanh",
        about="activation function of the hidden layers",
    )
    widths: Widths = option(
        Choice(("prefix", "constant", "equal-parameters")),
        "prefix",
        about="widths at depth d. prefix: the first d of `hidden`; constant: its first width d times; "
        "equal-parameters: one width whose parameter count is nearest to that of all of `hidden`",
    )
    init: Literal["truncated-normal", "xavier", "he"] = option(
        Choice(("truncated-normal", "xavier", "he")),
        "truncated-normal",
        about="distribution of the initial weights; truncated-normal has deviation 1/sqrt(fan_in)",
    )

    def hidden_at(self, depth: int, n_inputs: int, n_classes: int) -> tuple[int, ...]:
        """Hidden widths of the network of `depth` hidden layers, by the rule `widths`.

        prefix: the first `depth` of `hidden`. constant: its first width, `depth` times. equal-parameters:
        one width, `depth` times, whose parameter count is nearest to that of all of `hidden`.

        >>> MlpSettings().hidden_at(3, 12, 2), MlpSettings(widths="equal-parameters").hidden_at(2, 12, 2)
        ((10, 7, 5), (11, 11))
        """
        if self.widths == "prefix":
            return self.hidden[:depth]
        if self.widths == "constant":
            return (self.hidden[0],) * depth
        target = n_parameters((n_inputs, *self.hidden, n_classes))

        def count(width: int) -> int:
            return n_parameters((n_inputs, *(width,) * depth, n_classes))

        # The count grows with the width and exceeds it, so the nearest is at most `target`.
        above = bisect.bisect_left(range(target + 1), target, lo=1, key=count)
        nearest = min((max(1, above - 1), above), key=lambda width: abs(count(width) - target))
        return (nearest,) * depth


def n_parameters(widths: tuple[int, ...]) -> int:
    """Number of weights and biases of an MLP of these widths, input and output included.

    >>> n_parameters((12, 10, 7, 5, 4, 3, 2))
    294
    """
    return sum((a + 1) * b for a, b in itertools.pairwise(widths))


MODELS: dict[str, type[Section]] = {"mlp": MlpSettings}
LATER_MODELS = (
    "alexnet-small",
    "inception-small",
    "inception-small-nobn",
    "mlp-1x512",
    "mlp-3x512",
)
