"""A network of the user's own: `model: {kind: package.module:function}`.

The function takes `(input_shape, n_classes)` and returns a new torch.nn.Module that maps (n, *input_shape) float32 to
logits (n, n_classes), no softmax:

    def convolutions(input_shape, n_classes):
        return nn.Sequential(
            nn.Unflatten(1, (1, input_shape[0])), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(n_classes)
        )

- It trains on the torch engine, one network at a time; `depth` is null.
- Its initial weights are what its modules draw from torch's global generator, which is seeded by the trial's seed
  while the function runs, and put back. Draw from nothing else.
- What is recorded of it: `infosweep.networks.layers`.
- Part of `trial_id`: the function's name, the structure (`repr`), names, shapes and types of its parameters and
  buffers, and the text of the files that define the function and the modules.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from infosweep.networks.layers import Recording, recording
from infosweep.seeds import stream_key
from infosweep.study.functions import OwnFunction, find_function
from infosweep.study.own import ModelFacts, OwnModelSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARGUMENTS = ("input_shape", "n_classes")


def look_at(
    kind: str, folder: str, examples: NDArray[np.float32], n_classes: int, seed: int = 0
) -> ModelFacts:
    """Build a network twice, run it, take a gradient, and return what it is.

    Args:
        kind: `package.module:function`.
        folder: where the module is looked for first.
        examples: (n, *input_shape), a few of the task's.
        n_classes: of the task.
        seed: of the initial weights.

    Raises:
        UsageError: there is no such function, it fails, or what it returns can't be trained and measured;
            with the user's own file and line.
    """
    function = find_function("model", kind, folder, ARGUMENTS)
    x = torch.as_tensor(examples)
    network = _build(function, x, n_classes, seed)
    again = _build(function, x, n_classes, seed)
    if again is network or set(map(id, again.parameters())) & set(map(id, network.parameters())):
        raise function.fault(
            "it returns the same network each time it is called", "build a new one at each call"
        )
    _compare(function, network, again)
    found = _forward(function, network, x, n_classes)
    with function.blamed("in training on three examples"), _random(seed, "forward"):
        network.train()
        wanted = torch.arange(len(x)) % n_classes
        functional.cross_entropy(network(x), wanted).backward()
    if all(each.grad is None for each in network.parameters()):
        raise function.fault("no parameter gets a gradient", "keep detach and no_grad out of it")
    trained = [each for each in network.parameters() if each.requires_grad]
    return ModelFacts(
        layers=tuple(found.names),
        widths=tuple(output[0].numel() for output in found.outputs),
        n_parameters=sum(each.numel() for each in trained),
        content=_content(function, again),
    )


def build(
    settings: OwnModelSettings, examples: torch.Tensor, n_classes: int, seed: int
) -> nn.Module:
    """Return the network with the initial weights of a seed.

    Args:
        settings: of a network that was looked at.
        examples: (n, *input_shape), a few of the task's; lazy modules take their shape from them.
        n_classes: of the task.
        seed: of the trial.

    Raises:
        UsageError: it can't be built, or is not the one that was looked at.
    """
    function = find_function("model", settings.kind, settings.folder, ARGUMENTS)
    network = _build(function, examples, n_classes, seed)
    if _content(function, network) != settings.found.content:
        raise function.fault(
            "it is another network than when it was looked at", "load the study again"
        )
    return network


def _build(function: OwnFunction, x: torch.Tensor, n_classes: int, seed: int) -> nn.Module:
    with _random(seed, "init"):
        network = function(tuple(x.shape[1:]), n_classes)
        if not isinstance(network, nn.Module):
            what = type(network).__name__ if network is not None else "nothing (None)"
            if isinstance(network, type):
                what = f"the class {network.__name__}; write {network.__name__}(...)"
            raise function.fault(f"it returns {what}", "return a torch.nn.Module")
        if any(
            isinstance(each, nn.parameter.UninitializedParameter) for each in network.parameters()
        ):
            with function.blamed(f"on inputs of shape {tuple(x.shape)}"), torch.no_grad():
                network.eval()
                network(x)
    if not any(each.requires_grad for each in network.parameters()):
        raise function.fault("it has no parameters to train", "return a network with weights")
    return network


def _compare(function: OwnFunction, first: nn.Module, second: nn.Module) -> None:
    """Check that a seed gives one set of initial weights."""
    a, b = first.state_dict(), second.state_dict()
    if a.keys() != b.keys() or any(
        isinstance(a[name], torch.Tensor)
        and (a[name].shape != b[name].shape or not torch.equal(a[name], b[name]))
        for name in a
    ):
        raise function.fault(
            "it has other initial weights each time it is called with one seed",
            "draw them by torch alone, which is seeded for it",
        )


def _forward(
    function: OwnFunction, network: nn.Module, x: torch.Tensor, n_classes: int
) -> Recording:
    """Run a network on a few examples, and check what it gives."""
    network.eval()
    shape = tuple(x.shape)
    with function.blamed(f"on inputs of shape {shape}"), torch.no_grad(), _random(0, "forward"):
        with recording(network) as found:
            logits = network(x)
        again = network(x)
    if not isinstance(logits, torch.Tensor):
        raise function.fault(
            f"it gives {type(logits).__name__}, not a tensor", "return the logits alone"
        )
    wanted = (len(x), n_classes)
    if tuple(logits.shape) != wanted:
        raise function.fault(
            f"it gives logits of shape {tuple(logits.shape)} for {len(x)} examples; the task has {n_classes} "
            f"classes, so that {wanted} is needed",
            f"let its last layer have {n_classes} outputs: n_classes",
        )
    if not logits.is_floating_point() or not logits.isfinite().all():
        raise function.fault(
            "its logits are not finite numbers before training", "check how its weights are drawn"
        )
    if bool((logits >= 0).all()) and torch.allclose(logits.sum(1), torch.ones(()).to(logits)):
        raise function.fault(
            "its outputs are probabilities, not logits", "leave the softmax at its end out"
        )
    if not torch.equal(logits, again):
        raise function.fault(
            "it gives other logits for the same examples in eval mode",
            "use nn.Dropout, or pass self.training to functional.dropout",
        )
    for name, output in zip(found.names, found.outputs, strict=True):
        if output.dim() < 1 or len(output) != len(x):
            raise function.fault(
                f"layer {name!r} has shape {tuple(output.shape)} for {len(x)} examples",
                "keep examples in the first dimension",
            )
    return found


def _content(function: OwnFunction, network: nn.Module) -> str:
    """Return a hash of what a network is, its weights left out."""
    found = hashlib.blake2b(digest_size=16)
    # An address in memory, as in <function f at 0x7f...>, is not part of what a network is.
    found.update(re.sub(r" at 0x[0-9a-f]+", "", repr(network)).encode())
    for name, value in network.state_dict().items():
        if isinstance(value, torch.Tensor):
            found.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
    for text in _sources(function, network):
        found.update(text)
    return found.hexdigest()


def _sources(function: OwnFunction, network: nn.Module) -> Iterator[bytes]:
    """Yield the texts of the files that define the function and the network's modules, torch's left out."""
    names = {type(module).__module__ for module in network.modules()}
    files = {str(getattr(sys.modules.get(name), "__file__", "") or "") for name in names}
    torchs = str(Path(torch.__file__).parent)
    for file in sorted({function.file, *files}, key=lambda each: Path(each).name):
        if file and not file.startswith(torchs) and Path(file).is_file():
            yield Path(file).read_bytes().replace(b"\r\n", b"\n")


@contextmanager
def _random(seed: int, purpose: str) -> Iterator[None]:
    """Seed torch's global generator, which modules draw from, for a while; then put it back."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(int(stream_key(seed, purpose)))
    try:
        yield
    finally:
        torch.set_rng_state(before)
