"""The compiled part of the fused engine: whole stretches of training of one small MLP, no Python inside.

Examples pass through the network in tiles of at most 128, forward and backward at once, so that a tile's
activations stay in the first-level cache. Tiles are `[unit, example]`, their examples padded to a
multiple of 16; padding repeats valid examples and has weight zero. Everything is float32 except Adam's
bias corrections and the gradient moments. Sums run in a fixed order: the same bits on every run.

A network is flat: `widths` (layers + 1,) from input to classes, and `params`, per layer its weights
(fan_out, fan_in) and then its biases. `work` holds rows of constants and scratch, then the tiles of all
layers, then two tiles of back-propagated errors.

There is one entry point with three modes: every compiled function costs seconds, since LLVM optimises it
together with all that it calls.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numba import njit

from infosweep.seeds import permute
from infosweep.training import elementwise, products
from infosweep.training.elementwise import BETA1, BETA2

TRAIN, OBSERVE, MOMENTS = range(3)
ADAM = 1  # any other optimiser is SGD with momentum, which may be 0
TILE = 128
STEP = 16  # what the examples of a tile are padded to

ONES, ZEROS, SCALE, TARGET, TILES = (i * TILE for i in range(5))  # places in `work`

_ZERO, _ONE = np.float32(0), np.float32(1)
_LARGEST = np.float32(np.finfo(np.float32).max)

_inlined = njit(inline="always")


@_inlined
def _forward(params, widths, activation, work, padded_in, pitch):
    """Compute all layers from the inputs' tile up to the logits; return the place of the logits."""
    x_at = TILES
    at = 0
    rows = padded_in
    last = widths.shape[0] - 1
    for layer in range(1, last + 1):
        n_in = widths[layer - 1]
        n_out = widths[layer]
        out_at = x_at + rows * TILE
        bias_at = at + n_in * n_out
        products.multiply(
            work, out_at, n_out, work, x_at, n_in, params, at, n_in, 1, params, bias_at, 1, pitch
        )
        if layer < last:
            elementwise.activate(work, out_at, n_out * pitch, activation)
        at = bias_at + n_out
        x_at = out_at
        rows = n_out
    return x_at


@_inlined
def _backward(params, grads, widths, activation, work, padded_in, out_at, pitch):
    """Add the tile's gradient to `grads`; the errors of the logits stand in their place `out_at`."""
    last = widths.shape[0] - 1
    at = 0
    widest = 0
    for layer in range(1, last + 1):
        at += (widths[layer - 1] + 1) * widths[layer]
        if widths[layer] > widest:
            widest = widths[layer]
    spare = out_at + widths[last] * TILE
    other = spare + widest * TILE
    d_at = out_at
    x_at = out_at
    for layer in range(last, 0, -1):
        n_in = widths[layer - 1]
        n_out = widths[layer]
        x_at -= TILE * (n_in if layer > 1 else padded_in)
        at -= n_out
        products.add_dots(grads, at, n_out, 1, work, d_at, work, ONES, pitch)
        at -= n_out * n_in
        products.add_dots(grads, at, n_out, n_in, work, d_at, work, x_at, pitch)
        if layer > 1:
            products.multiply(
                work, spare, n_in, work, d_at, n_out, params, at, 1, n_in, work, ZEROS, 0, pitch
            )
            elementwise.multiply_by_slope(work, spare, work, x_at, n_in * pitch, activation)
            d_at = spare
            spare = other
            other = d_at


@_inlined
def _copy_rows(out, row, work, at, n_rows, pitch, start, n):
    for r in range(n_rows):
        source = work[at + r * pitch : at + r * pitch + n]
        to = out[row + r]
        for i in range(n):
            to[start + i] = source[i]


@_inlined
def _all_finite(values):
    bad = 0
    for i in range(values.shape[0]):
        bad += not abs(values[i]) <= _LARGEST
    return bad == 0


@_inlined
def _set_targets(work, labels, order, first, valid, pitch, n_averaged):
    """Write labels and weights of a tile's examples, 1 / n_averaged or 0 for padding."""
    weight = _ONE / np.float32(n_averaged)
    for i in range(pitch):
        work[TARGET + i] = labels[order[first + i]]
        work[SCALE + i] = weight if i < valid else _ZERO


@_inlined
def _record(logits, rows, widths, work, padded_in, at, pitch, first, valid):
    """Copy a tile's logits and, after the softmax, all its layers to where they were asked for."""
    last = widths.shape[0] - 1
    if logits.shape[0] > 0:
        _copy_rows(logits, 0, work, at, widths[last], pitch, first, valid)
    elementwise.softmax(work, at, widths[last], pitch)
    if rows.shape[0] > 0:
        x_at = TILES + padded_in * TILE
        row = 0
        for layer in range(1, last + 1):
            _copy_rows(rows, row, work, x_at, widths[layer], pitch, first, valid)
            row += widths[layer]
            x_at += widths[layer] * TILE


@_inlined
def _update(params, grads, first, second, powers, optimizer, rate, momentum, decay):
    """Take one step of the optimiser."""
    n = params.shape[0]
    if optimizer == ADAM:
        powers[0] *= BETA1
        powers[1] *= BETA2
        step = rate / (1 - powers[0])
        unbias = 1 / np.sqrt(1 - powers[1])
        elementwise.adam(params, 0, grads, 0, first, 0, second, 0, n, step, unbias, decay)
    else:
        elementwise.descend(params, 0, grads, 0, first, 0, n, rate, momentum, decay)


@_inlined
def _accumulate(grads, sums, squares):
    for i in range(grads.shape[0]):
        g = np.float64(grads[i])
        sums[i] += g
        squares[i] += g * g


def _compile(source):  # noqa: C901 - the count includes the entry point
    """Compile the entry point; `source`, a digest of what it is made of, enters its cache's key.

    numba's cache on disk of a function looks at that function's own file and at its closure, so without
    it a change in one of the other files would leave old machine code in use.
    """

    @njit(nogil=True, error_model="numpy", cache=True)
    def run(
        mode, widths, params, grads, first_moment, second_moment, powers, work, inputs, padded_in,
        labels, fit, order, key, activation, optimizer, batch, rate, momentum, decay,
        step, stop, logits, rows, sums, squares,
    ):  # fmt: skip
        """Go through batches `step` to `stop` and return the batch reached; what is done is `mode`'s.

        TRAIN: one optimiser step a batch, epochs in orders drawn by `key`; ends early with an epoch
            after which parameters are not finite.
        OBSERVE: writes `logits` (classes, n) and `rows` (units of all layers, n), of the examples `order`;
            either may have no rows.
        MOMENTS: adds the gradients and their squares of batches in the order `order` to `sums`, `squares`.
        """
        _ = source
        n = order.shape[0] - TILE
        per_epoch = (n + batch - 1) // batch
        while step < stop:
            start = step % per_epoch * batch
            if mode == TRAIN and start == 0:
                for i in range(n):
                    order[i] = fit[i]
                permute(order[:n], key, step // per_epoch + 1)
            end = min(start + batch, n)
            for i in range(grads.shape[0]):
                grads[i] = _ZERO
            for first in range(start, end, TILE):
                valid = min(TILE, end - first)
                pitch = (valid + STEP - 1) // STEP * STEP
                products.gather(work, TILES, pitch, inputs, 0, padded_in, order, first)
                at = _forward(params, widths, activation, work, padded_in, pitch)
                if mode == OBSERVE:
                    _record(logits, rows, widths, work, padded_in, at, pitch, first, valid)
                else:
                    _set_targets(work, labels, order, first, valid, pitch, end - start)
                    elementwise.softmax(work, at, widths[-1], pitch)
                    elementwise.subtract_targets(
                        work, at, widths[-1], work, TARGET, work, SCALE, pitch
                    )
                    _backward(params, grads, widths, activation, work, padded_in, at, pitch)
            step += 1
            if mode == MOMENTS:
                _accumulate(grads, sums, squares)
            elif mode == TRAIN:
                _update(
                    params, grads, first_moment, second_moment, powers,
                    optimizer, rate, momentum, decay,
                )  # fmt: skip
                if end == n and not _all_finite(params):
                    break
        return step

    return run


def _digest():
    folder = Path(__file__).parent
    files = (
        *(folder / f"{name}.py" for name in ("vectors", "products", "elementwise")),
        folder.parent / "seeds.py",
    )
    text = b"".join(file.read_bytes() for file in files)
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "little")


run = _compile(_digest())
