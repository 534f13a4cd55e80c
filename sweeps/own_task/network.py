"""A network of one's own: two hidden layers with a shortcut around the second."""

from torch import nn


class Shortcut(nn.Module):
    """Maps points (n, d) to logits (n, n_classes)."""

    def __init__(self, n_inputs, n_classes, width=16):
        super().__init__()
        self.first = nn.Linear(n_inputs, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, n_classes)
        # One module for each place where an activation stands: each is recorded as a layer under its name.
        self.act1, self.act2 = nn.Tanh(), nn.Tanh()

    def forward(self, x):
        """Return logits; the softmax is added where it is needed."""
        x = self.act1(self.first(x))
        x = x + self.act2(self.second(x))
        return self.last(x)


def shortcut(input_shape, n_classes):
    """Return a new network; `input_shape` is the shape of one example, (2,) for points."""
    return Shortcut(input_shape[0], n_classes)
