"""A network of the user's own: what counts as its layers, what is looked at, what is refused."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import torch
from torch import nn

from infosweep.errors import UsageError
from infosweep.networks.layers import recording
from infosweep.networks.own import build, look_at
from infosweep.study.own import OwnModelSettings

EXAMPLES = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
HEAD = """\
import numpy as np, torch
from torch import nn
from torch.nn import functional as F
class Net(nn.Module):
    def __init__(self, d, k, forward=lambda self, x: self.last(torch.tanh(self.first(x)))):
        super().__init__()
        self.first, self.last = nn.Linear(d, 5), nn.Linear(5, k)
        self.steps = forward
    def forward(self, x):
        return self.steps(self, x)
one = nn.Linear(4, 2)
def make(shape, k):
"""


@pytest.fixture
def look(tmp_path, monkeypatch):
    """Write a module with `make` and look at it."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    count = iter(range(1, 100))

    def _look(body, head=HEAD, n_classes=2):
        file = tmp_path / "own_net.py"
        lines = body.splitlines() if "\n" in body else [f"return {body}"]
        file.write_text(head + "".join(f"    {line}\n" for line in lines))
        os.utime(file, ns=(next(count),) * 2)
        return look_at("own_net:make", str(tmp_path), EXAMPLES, n_classes)

    yield _look
    sys.modules.pop("own_net", None)


def recorded(network, x=EXAMPLES):
    with recording(network) as found:
        network(torch.as_tensor(x))
    return found


def test_activation_modules_are_the_layers_and_weights_go_to_the_layer_above():
    network = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3), nn.Linear(3, 3), nn.ReLU(inplace=True),
        nn.Dropout(0.5), nn.Linear(3, 2), nn.Softmax(1),
    )  # fmt: skip
    found = recorded(network)
    assert found.names == ["2 Tanh", "5 ReLU"]
    assert [tuple(each.shape) for each in found.outputs] == [(3, 6), (3, 3)]
    assert found.weights == [["0.weight"], ["3.weight", "4.weight"], ["7.weight"]]
    assert not any(module._forward_hooks for module in network.modules())


def test_without_activation_modules_weighted_ones_are_the_layers_but_for_the_last():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(3, 2)
            self.unused = nn.Parameter(torch.zeros(2, 2))

        def forward(self, x):
            return self.c(torch.relu(self.b(torch.relu(self.a(x)))))

    found = recorded(Functional())
    assert found.names == ["a Linear", "b Linear"]
    # A parameter of the whole network itself is entered first.
    assert found.weights == [["unused", "a.weight"], ["b.weight"], ["c.weight"]]
    assert recorded(nn.Linear(4, 2)).names == []
    assert recorded(nn.Linear(4, 2)).weights == [["weight"]]


def test_a_module_that_is_called_twice_is_two_layers_and_what_follows_in_place_changes_neither():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.map, self.act = nn.Linear(4, 4), nn.Tanh()

        def forward(self, x):
            x = self.act(self.map(x))
            x += 100
            return self.act(self.map(x))[:, :2]

    found = recorded(Twice())
    assert found.names == ["act Tanh", "act Tanh (2)"]
    assert found.weights == [["map.weight"], [], []]
    assert float(found.outputs[0].abs().max()) <= 1


def test_what_a_network_is(look):
    facts = look(
        "nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(k))"
    )
    assert facts.layers == ("2 ReLU",)
    assert facts.widths == (9,)
    assert facts.n_parameters == 3 * 2 + 3 + 9 * 2 + 2


def test_structure_and_source_are_its_content_and_weights_are_not(look):
    first = look("Net(4, k)").content
    assert look("Net(4, k)").content == first
    sine = HEAD.replace("torch.tanh", "torch.sin")
    changed = [look("Net(4, k)", head=sine).content, look("Net(shape[0], k)").content,
               look("Net(4, k)", n_classes=3).content]  # fmt: skip
    assert len({first, *changed}) == 4


def test_initial_weights_are_the_seed_s_and_torch_s_generator_is_left_alone(look, tmp_path):
    facts = look("Net(4, k)")
    settings = OwnModelSettings(kind="own_net:make", found=facts, folder=str(tmp_path))
    before = torch.get_rng_state()
    a, b, c = (
        build(settings, torch.as_tensor(EXAMPLES), 2, seed).first.weight for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_a_network_that_has_changed_is_refused(look, tmp_path):
    settings = OwnModelSettings(kind="own_net:make", found=look("Net(4, k)"), folder=str(tmp_path))
    look("Net(4, k).double().float()")
    with pytest.raises(UsageError, match="it is another network than when it was looked at"):
        build(settings, torch.as_tensor(EXAMPLES), 2, 0)


WRONG = [
    ("None", "it returns nothing (None)", "return a torch.nn.Module"),
    ("Net", "it returns the class Net; write Net(...)", "return a torch.nn.Module"),
    ("nn.Flatten()", "it has no parameters to train", "return a network with weights"),
    ("one", "it returns the same network each time it is called", "build a new one at each call"),
    ("Net(4, 3)", "it gives logits of shape (3, 3) for 3 examples; the task has 2 classes, so that (3, 2) is needed",
     "let its last layer have 2 outputs: n_classes"),
    ("Net(4, 1)", "it gives logits of shape (3, 1) for 3 examples", "n_classes"),
    ("nn.Sequential(Net(4, k), nn.Softmax(1))", "its outputs are probabilities, not logits", "leave the softmax"),
    ("Net(4, k, lambda self, x: (self.last(self.first(x)), x))", "it gives tuple, not a tensor",
     "return the logits alone"),
    ("Net(4, k, lambda self, x: F.dropout(self.last(self.first(x)), 0.5))",
     "it gives other logits for the same examples in eval mode", "pass self.training to functional.dropout"),
    ("Net(4, k, lambda self, x: self.last(self.first(x)) / 0)", "its logits are not finite numbers before training",
     "check how its weights are drawn"),
    ("nn.Sequential(Net(4, k, lambda self, x: self.last(self.first(x)).T), nn.ReLU(), nn.Flatten(0), "
     "nn.Unflatten(0, (3, k)))",
     "layer '1 ReLU' has shape (2, 3) for 3 examples", "keep examples in the first dimension"),
    ("net = Net(4, k)\nnn.init.constant_(net.first.weight, np.random.random())\nreturn net",
     "it has other initial weights each time it is called with one seed", "draw them by torch alone"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message", "mend"), WRONG, ids=[row[0][:60] for row in WRONG])
def test_what_can_not_be_trained_is_told_with_the_function_s_line(look, body, message, mend):
    with pytest.raises(UsageError) as caught:
        look(body)
    assert caught.value.message.startswith(f"model 'own_net:make': {message}")
    assert caught.value.mend is not None
    assert mend in caught.value.mend
    assert caught.value.mend.endswith("(own_net.py:12)")


# Of what torch says itself, no more than any version of it says.
RAISING = [
    ("nn.Sequential(nn.Linear(7, k))", ["RuntimeError: ", "(3x4 and 7x2) on inputs of shape (3, 4)"],
     "see own_net.py:12: what it returned can't be used so"),
    ("Net(9, k)", ["RuntimeError: ", "(3x4 and 9x5) on inputs of shape (3, 4)"],
     "see own_net.py:5, in <lambda>: def __init__"),
    ("Net(4, k).nothing", ["AttributeError: 'Net' object has no attribute 'nothing'"],
     "see own_net.py:13, in make: return"),
    ("Net(4, k, lambda self, x: self.last(self.first(x)).detach())",
     ["RuntimeError: ", " in training on three examples"],
     "see own_net.py:12: what it returned"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "parts", "mend"), RAISING, ids=[row[0][:60] for row in RAISING])
def test_what_a_network_raises_is_told_with_the_user_s_line(look, body, parts, mend):
    with pytest.raises(UsageError) as caught:
        look(body)
    assert caught.value.message.startswith(f"model 'own_net:make' raised {parts[0]}")
    assert caught.value.message.endswith(parts[-1])
    assert caught.value.mend is not None
    assert caught.value.mend.startswith(mend)
