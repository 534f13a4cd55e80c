"""What counts as a layer of any torch.nn.Module, by one rule, and how layers are recorded.

The layers are the outputs of the activation modules (nn.ReLU, nn.Tanh, ...; not nn.Softmax, not
nn.MultiheadAttention) in the order in which they are called, flattened to (n, width). A network without any,
as one that calls torch.relu itself, gives the outputs of its weighted leaf modules (nn.Linear, nn.Conv2d, ...),
the last left out. The softmax of the logits is the last layer. The weights of a layer are the parameters of two
or more dimensions of the modules called since the layer below; what no call uses belongs to the last layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

_NO_ACTIVATIONS = (nn.MultiheadAttention, nn.Softmax, nn.Softmax2d, nn.Softmin, nn.LogSoftmax)
_ACTIVATIONS = tuple(
    cls
    for name in nn.modules.activation.__all__
    if isinstance(cls := getattr(nn.modules.activation, name), type) and cls not in _NO_ACTIVATIONS
)


@dataclass(slots=True)
class Recording:
    """What a pass through a network left.

    Attributes:
        names: of the layers below the softmax, as `1 Tanh`; a module called again counts on, `act ReLU (2)`.
        outputs: of those layers, (n, ...).
        weights: per layer, the softmax last, names of its parameters.
    """

    names: list[str] = field(default_factory=list)
    outputs: list[torch.Tensor] = field(default_factory=list)
    weights: list[list[str]] = field(default_factory=lambda: [[]])


@contextmanager
def recording(network: nn.Module) -> Iterator[Recording]:
    """Record one call of a network; complete where the block ends."""
    names = {module: name for name, module in network.named_modules()}
    recorded = [module for module in names if isinstance(module, _ACTIVATIONS)]
    weighted = not recorded
    if weighted:
        recorded = [
            module for module in names if not any(module.children()) and _matrices(module, "")
        ]
    pass_ = Recording()
    calls: dict[nn.Module, int] = {}
    used: set[str] = set()

    def enter(module: nn.Module, _: object) -> None:
        matrices = [name for name in _matrices(module, names[module]) if name not in used]
        used.update(matrices)
        pass_.weights[-1] += matrices

    def leave(module: nn.Module, _: object, output: Any) -> None:
        calls[module] = calls.get(module, 0) + 1
        again = f" ({calls[module]})" if calls[module] > 1 else ""
        pass_.names.append(f"{names[module]} {type(module).__name__}{again}".strip())
        output = output[0] if isinstance(output, tuple) else output  # nn.LSTM gives its state too
        # A copy: what follows may work in place (nn.ReLU(inplace=True), x += ...).
        pass_.outputs.append(output.detach().clone())
        pass_.weights.append([])

    hooks = [module.register_forward_pre_hook(enter) for module in names]
    hooks += [module.register_forward_hook(leave) for module in recorded]
    try:
        yield pass_
    finally:
        for hook in hooks:
            hook.remove()
    if weighted and pass_.names:  # the last of them makes the logits
        pass_.names.pop()
        pass_.outputs.pop()
        last = pass_.weights.pop()
        pass_.weights[-1] += last
    matrices = [name for name, value in network.named_parameters() if _is_matrix(value)]
    pass_.weights[-1] += [name for name in matrices if name not in used]


def _matrices(module: nn.Module, prefix: str) -> list[str]:
    """Return full names of a module's own parameters of two or more dimensions."""
    own = module.named_parameters(recurse=False)
    return [f"{prefix}.{name}".lstrip(".") for name, value in own if _is_matrix(value)]


def _is_matrix(parameter: nn.Parameter) -> bool:
    return parameter.requires_grad and parameter.dim() >= 2
