"""The compiled part of the fused engine: whole stretches of training of one small MLP, no Python inside.

Examples pass through the network in tiles of at most 64, forward and backward at once, so that a tile's
activations stay in the first-level cache. Tiles are `[unit, example]`, their examples padded to a
multiple of 16; padding repeats valid examples and has weight zero. Everything is float32 except Adam's
bias corrections and the gradient moments. Sums run in a fixed order: the same bits on every run.

A network is flat: `widths` (layers + 1,) from input to classes, and `params`, per layer its weights
(fan_out, fan_in) and then its biases. `work` holds five rows of constants and scratch, then the tiles of
all layers, then two tiles of back-propagated errors.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numba import njit

from infosweep.seeds import permute
from infosweep.training import simd
from infosweep.training.elementwise import (
    activate,
    adam_update,
    momentum_update,
    multiply_by_slope,
    softmax,
)

TILE = 64
STEP = 16  # what the examples of a tile are padded to
ADAM = 1  # any other optimiser is SGD with momentum, which may be 0

ONES, ZEROS, SCALE, TARGET, PEAK, TOTAL = (i * TILE for i in range(6))
TILES = 6 * TILE

_ONE = np.float32(1)
_LARGEST = np.float32(np.finfo(np.float32).max)

_inner = njit(nogil=True, error_model="numpy")


@_inner
def _multiply(
    out_at, n_out, x_at, n_in, work, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch
):
    """work[out] (n_out, pitch) = bias + w @ work[x] (n_in, pitch); strides of w in elements."""
    r = 0
    while r + 4 <= n_out:
        simd.product_4(
            work, out_at, work, x_at, n_in, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch
        )
        r += 4
        out_at += 4 * pitch
        w_at += 4 * w_row
        bias_at += 4 * bias_row
    if n_out - r == 3:
        simd.product_3(
            work, out_at, work, x_at, n_in, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch
        )
    elif n_out - r == 2:
        simd.product_2(
            work, out_at, work, x_at, n_in, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch
        )
    elif n_out - r == 1:
        simd.product_1(
            work, out_at, work, x_at, n_in, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch
        )


@_inner
def _add_dots(out, out_at, n_out, n_in, d_at, x_at, work, pitch):
    """out (n_out, n_in) += work[d] (n_out, pitch) @ work[x] (n_in, pitch).T."""
    r = 0
    while r + 2 <= n_out:
        x, at, c = x_at, out_at, n_in
        while c >= 4:
            simd.dots_24(out, at, n_in, work, d_at, work, x, pitch)
            x += 4 * pitch
            at += 4
            c -= 4
        if c == 3:
            simd.dots_23(out, at, n_in, work, d_at, work, x, pitch)
        elif c == 2:
            simd.dots_22(out, at, n_in, work, d_at, work, x, pitch)
        elif c == 1:
            simd.dots_21(out, at, n_in, work, d_at, work, x, pitch)
        r += 2
        out_at += 2 * n_in
        d_at += 2 * pitch
    if r < n_out:
        c = n_in
        while c >= 4:
            simd.dots_14(out, out_at, n_in, work, d_at, work, x_at, pitch)
            x_at += 4 * pitch
            out_at += 4
            c -= 4
        if c == 3:
            simd.dots_13(out, out_at, n_in, work, d_at, work, x_at, pitch)
        elif c == 2:
            simd.dots_12(out, out_at, n_in, work, d_at, work, x_at, pitch)
        elif c == 1:
            simd.dots_11(out, out_at, n_in, work, d_at, work, x_at, pitch)


@_inner
def _forward(params, widths, activation, work, padded_in, inputs, order, start, pitch):
    """Run the examples order[start : start + pitch] up to the logits; return the place of the logits."""
    x_at = TILES
    for lane in range(0, pitch, simd.LANES):
        simd.gather_block(work, x_at + lane, pitch, inputs, padded_in, order, start + lane)
    at = 0
    rows = padded_in
    last = widths.shape[0] - 1
    for layer in range(1, last + 1):
        n_in, n_out = widths[layer - 1], widths[layer]
        out_at = x_at + rows * TILE
        bias_at = at + n_in * n_out
        _multiply(out_at, n_out, x_at, n_in, work, params, at, n_in, 1, params, bias_at, 1, pitch)
        if layer < last:
            activate(work[out_at : out_at + n_out * pitch], activation)
        at = bias_at + n_out
        x_at = out_at
        rows = n_out
    return x_at


@_inner
def _backward(params, grads, widths, activation, work, padded_in, out_at, pitch):
    """Add the tile's gradient to `grads`; the errors of the logits stand in their place `out_at`."""
    last = widths.shape[0] - 1
    widest = np.int64(0)
    for layer in range(1, last + 1):
        widest = max(widest, widths[layer])
    spare = out_at + widths[last] * TILE
    other = spare + widest * TILE
    at = params.shape[0]
    d_at = out_at
    x_at = out_at
    for layer in range(last, 0, -1):
        n_in, n_out = widths[layer - 1], widths[layer]
        rows = n_in if layer > 1 else padded_in
        x_at -= rows * TILE
        at -= n_out
        _add_dots(grads, at, n_out, 1, d_at, ONES, work, pitch)
        at -= n_out * n_in
        _add_dots(grads, at, n_out, n_in, d_at, x_at, work, pitch)
        if layer > 1:
            _multiply(spare, n_in, d_at, n_out, work, params, at, 1, n_in, work, ZEROS, 0, pitch)
            size = n_in * pitch
            multiply_by_slope(work[spare : spare + size], work[x_at : x_at + size], activation)
            d_at = spare
            spare, other = other, spare


@_inner
def _gradient(
    params, grads, widths, activation, work, padded_in, inputs, labels, order, start, count
):
    """Set `grads` to the gradient of the mean cross entropy over order[start : start + count]."""
    grads[:] = 0
    weight = _ONE / np.float32(count)
    n_classes = widths[-1]
    for first in range(0, count, TILE):
        n = min(TILE, count - first)
        pitch = (n + STEP - 1) // STEP * STEP
        target = work[TARGET : TARGET + pitch]
        scale = work[SCALE : SCALE + pitch]
        for i in range(pitch):
            target[i] = labels[order[start + first + i]]
            scale[i] = weight if i < n else 0
        at = _forward(
            params, widths, activation, work, padded_in, inputs, order, start + first, pitch
        )
        output = work[at : at + n_classes * pitch]
        softmax(output, n_classes, work[PEAK : PEAK + pitch], work[TOTAL : TOTAL + pitch])
        for c in range(n_classes):
            row = output[c * pitch : (c + 1) * pitch]
            label = np.float32(c)
            for i in range(pitch):
                row[i] = (row[i] - (_ONE if target[i] == label else np.float32(0))) * scale[i]
        _backward(params, grads, widths, activation, work, padded_in, at, pitch)


@_inner
def _all_finite(values):
    bad = 0
    for i in range(values.shape[0]):
        bad += not abs(values[i]) <= _LARGEST
    return bad == 0


@_inner
def _train(
    params, grads, first_moment, second_moment, powers, widths, activation, work, padded_in,
    inputs, labels, fit, order, key, batch, optimizer, rate, momentum, decay, step, stop,
):  # fmt: skip
    n = fit.shape[0]
    per_epoch = (n + batch - 1) // batch
    while step < stop:
        start = step % per_epoch * batch
        if start == 0:
            order[:n] = fit
            permute(order[:n], key, step // per_epoch + 1)
        count = min(batch, n - start)
        _gradient(
            params, grads, widths, activation, work, padded_in, inputs, labels, order, start, count
        )
        if optimizer == ADAM:
            adam_update(params, grads, first_moment, second_moment, powers, rate, np.float32(decay))
        else:
            momentum_update(
                params,
                grads,
                first_moment,
                np.float32(rate),
                np.float32(momentum),
                np.float32(decay),
            )
        step += 1
        if start + count == n and not _all_finite(params):
            break
    return step


@_inner
def _observe(params, widths, activation, work, padded_in, inputs, order, n, logits, activations):
    n_classes = widths[-1]
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        pitch = (count + STEP - 1) // STEP * STEP
        at = _forward(params, widths, activation, work, padded_in, inputs, order, start, pitch)
        if logits.shape[0] > 0:
            for c in range(n_classes):
                logits[c, start : start + count] = work[at + c * pitch : at + c * pitch + count]
        if activations.shape[0] > 0:
            output = work[at : at + n_classes * pitch]
            softmax(output, n_classes, work[PEAK : PEAK + pitch], work[TOTAL : TOTAL + pitch])
            x_at = TILES + padded_in * TILE
            row = 0
            for layer in range(1, widths.shape[0]):
                for unit in range(widths[layer]):
                    x = x_at + unit * pitch
                    activations[row, start : start + count] = work[x : x + count]
                    row += 1
                x_at += widths[layer] * TILE


@_inner
def _gradient_moments(
    params, grads, widths, activation, work, padded_in, inputs, labels, order, batch, n_batches,
    sums, squares, mean_norm, std_norm,
):  # fmt: skip
    sums[:] = 0
    squares[:] = 0
    for b in range(n_batches):
        _gradient(
            params,
            grads,
            widths,
            activation,
            work,
            padded_in,
            inputs,
            labels,
            order,
            b * batch,
            batch,
        )
        for i in range(grads.shape[0]):
            g = np.float64(grads[i])
            sums[i] += g
            squares[i] += g * g
    at = 0
    for layer in range(1, widths.shape[0]):
        n_weights = widths[layer - 1] * widths[layer]
        mean_square = 0.0
        variance = 0.0
        for i in range(at, at + n_weights):
            mean = sums[i] / n_batches
            mean_square += mean * mean
            variance += max(0.0, squares[i] - n_batches * mean * mean)
        mean_norm[layer - 1] = np.sqrt(mean_square)
        std_norm[layer - 1] = np.sqrt(variance / (n_batches - 1)) if n_batches > 1 else np.nan
        at += n_weights + widths[layer]


def _entry_points(source):
    """Compile the three entry points; `source`, a digest of what they are made of, enters the cache's key.

    numba's cache on disk of a function looks at that function's own file and at its closure, so without
    it a change in one of the other files would leave old machine code in use.
    """
    entry = njit(nogil=True, error_model="numpy", cache=True)

    @entry
    def train(
        params, grads, first_moment, second_moment, powers, widths, activation, work, padded_in,
        inputs, labels, fit, order, key, batch, optimizer, rate, momentum, decay, step, stop,
    ):  # fmt: skip
        _ = source
        return _train(
            params, grads, first_moment, second_moment, powers, widths, activation, work, padded_in,
            inputs, labels, fit, order, key, batch, optimizer, rate, momentum, decay, step, stop,
        )  # fmt: skip

    @entry
    def observe(params, widths, activation, work, padded_in, inputs, order, n, logits, activations):
        _ = source
        _observe(params, widths, activation, work, padded_in, inputs, order, n, logits, activations)

    @entry
    def gradient_moments(
        params, grads, widths, activation, work, padded_in, inputs, labels, order, batch, n_batches,
        sums, squares, mean_norm, std_norm,
    ):  # fmt: skip
        _ = source
        _gradient_moments(
            params, grads, widths, activation, work, padded_in, inputs, labels, order, batch,
            n_batches, sums, squares, mean_norm, std_norm,
        )  # fmt: skip

    return train, observe, gradient_moments


def _digest():
    folder = Path(__file__).parent
    files = folder / "simd.py", folder / "elementwise.py", folder.parent / "seeds.py"
    return int.from_bytes(
        hashlib.blake2b(b"".join(f.read_bytes() for f in files), digest_size=7).digest(), "little"
    )


train, observe, gradient_moments = _entry_points(_digest())
