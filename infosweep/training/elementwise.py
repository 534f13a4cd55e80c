"""Activations, softmax and optimisers of the fused engine as loops that LLVM vectorises.

Each element is computed alone, so results don't depend on the width of the machine's vectors. Functions
that libraries compute one number at a time are approximated: tanh by a rational function (absolute error
below 3.1e-7, always within (-1, 1)), exp by range reduction and a polynomial. NaN and infinity pass
through: comparisons are written so that NaN survives, and fast-math is limited to fused multiply-adds.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LINEAR, TANH, RELU, SIGMOID, SOFTPLUS, SOFTSIGN = range(6)

_F = np.float32
_ZERO, _HALF, _ONE, _TWO = _F(0), _F(0.5), _F(1), _F(2)

# x P(x^2) / Q(x^2) on [-7.9, 7.9] by Lawson-weighted least squares: 1.5e-8 before rounding.
_TANH_END = _F(7.9)
_P0, _P1, _P2 = _F(0.999999923085425), _F(0.12978464510102958), _F(0.002985236254290242)
_P3, _P4, _P5 = _F(9.877270498855566e-06), _F(-1.4720305611952198e-08), _F(2.3617933868071802e-11)
_Q1, _Q2, _Q3 = _F(0.4631176604379994), _F(0.024024840387904346), _F(0.00023714448384040438)

# exp(x) = 2^n exp(r), |r| <= ln(2)/2 (Cody & Waite 1980); adding 1.5 * 2^23 rounds to the nearest integer.
_EXP_START, _EXP_END = _F(-87), _F(88)
_LOG2E, _ROUND = _F(1.4426950408889634), _F(12582912)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_E2, _E3, _E4, _E5, _E6 = _F(1 / 2), _F(1 / 6), _F(1 / 24), _F(1 / 120), _F(1 / 720)
_SHIFT, _BIAS = np.int32(23), np.int32(127 << 23)

# log(1 + u) = 2 artanh(s), s = u / (2 + u) <= 1/3 for u in [0, 1]: the series to s^15 leaves 2e-9.
_L1, _L2, _L3, _L4 = _F(2 / 3), _F(2 / 5), _F(2 / 7), _F(2 / 9)
_L5, _L6, _L7 = _F(2 / 11), _F(2 / 13), _F(2 / 15)

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, _F(1e-8)
_REST1, _KEEP2, _REST2 = _F(1 - 0.9), _F(0.999), _F(1 - 0.999)

_inline = njit(nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
_loops = njit(nogil=True, error_model="numpy", fastmath={"contract"})


@_inline
def tanh(x):
    """tanh of a float32."""
    x = _TANH_END if x > _TANH_END else x
    x = -_TANH_END if x < -_TANH_END else x
    s = x * x
    p = ((((_P5 * s + _P4) * s + _P3) * s + _P2) * s + _P1) * s + _P0
    q = ((_Q3 * s + _Q2) * s + _Q1) * s + _ONE
    return x * p / q


@_inline
def exp(x):
    """exp of a float32, clamped to [-87, 88]."""
    x = _EXP_START if x < _EXP_START else x
    x = _EXP_END if x > _EXP_END else x
    rounded = x * _LOG2E + _ROUND
    n = rounded - _ROUND
    r = x - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    p = ((((_E6 * r + _E5) * r + _E4) * r + _E3) * r + _E2) * r * r + r + _ONE
    power = (np.float32(rounded).view(np.int32) << _SHIFT) + _BIAS
    return p * np.int32(power).view(np.float32)


@_inline
def softplus(x):
    """log(1 + exp(x)) of a float32."""
    size = -x if x > _ZERO else x
    u = exp(size)
    s = u / (_TWO + u)
    t = s * s
    p = ((((((_L7 * t + _L6) * t + _L5) * t + _L4) * t + _L3) * t + _L2) * t + _L1) * t + _TWO
    return (x if x > _ZERO else _ZERO) + s * p


@_loops
def activate(x, kind):
    """Apply an activation in place."""
    if kind == TANH:
        for i in range(x.shape[0]):
            x[i] = tanh(x[i])
    elif kind == RELU:
        for i in range(x.shape[0]):
            x[i] = _ZERO if x[i] < _ZERO else x[i]
    elif kind == SIGMOID:
        for i in range(x.shape[0]):
            x[i] = _HALF * tanh(_HALF * x[i]) + _HALF
    elif kind == SOFTPLUS:
        for i in range(x.shape[0]):
            x[i] = softplus(x[i])
    elif kind == SOFTSIGN:
        for i in range(x.shape[0]):
            x[i] = x[i] / (_ONE + abs(x[i]))


@_loops
def multiply_by_slope(d, h, kind):
    """Multiply `d` in place by the derivative of an activation, given its values `h`."""
    if kind == TANH:
        for i in range(d.shape[0]):
            d[i] *= _ONE - h[i] * h[i]
    elif kind == RELU:
        for i in range(d.shape[0]):
            d[i] = d[i] if h[i] > _ZERO else _ZERO
    elif kind == SIGMOID:
        for i in range(d.shape[0]):
            d[i] *= h[i] - h[i] * h[i]
    elif kind == SOFTPLUS:
        for i in range(d.shape[0]):
            d[i] *= _ONE - exp(-h[i])
    elif kind == SOFTSIGN:
        for i in range(d.shape[0]):
            rest = _ONE - abs(h[i])
            d[i] *= rest * rest


@_loops
def softmax(z, n_classes, peak, total):
    """Softmax in place over the rows of `z` (n_classes * pitch,); `peak`, `total` (pitch,) are scratch."""
    pitch = peak.shape[0]
    peak[:] = z[:pitch]
    for c in range(1, n_classes):
        row = z[c * pitch : (c + 1) * pitch]
        for i in range(pitch):
            peak[i] = row[i] if row[i] > peak[i] else peak[i]
    total[:] = _ZERO
    for c in range(n_classes):
        row = z[c * pitch : (c + 1) * pitch]
        for i in range(pitch):
            row[i] = exp(row[i] - peak[i])
            total[i] += row[i]
    for i in range(pitch):
        total[i] = _ONE / total[i]
    for c in range(n_classes):
        row = z[c * pitch : (c + 1) * pitch]
        for i in range(pitch):
            row[i] *= total[i]


@_loops
def adam_update(params, grads, m, v, powers, rate, decay):
    """One step of Adam as torch.optim.Adam takes it; `powers` (2,) float64 holds beta1^t and beta2^t.

    Kingma & Ba 2015; `decay` is added to the gradient (coupled), as `weight_decay` of torch.
    """
    powers[0] *= _BETA1
    powers[1] *= _BETA2
    step = _F(rate / (1 - powers[0]))
    unbias = _F(1 / np.sqrt(1 - powers[1]))
    for i in range(params.shape[0]):
        g = grads[i] + decay * params[i]
        m[i] += _REST1 * (g - m[i])
        v[i] = _KEEP2 * v[i] + _REST2 * (g * g)
        params[i] -= step * (m[i] / (np.sqrt(v[i]) * unbias + _EPSILON))


@_loops
def momentum_update(params, grads, velocity, rate, momentum, decay):
    """One step of SGD with momentum as torch.optim.SGD takes it (no dampening, not Nesterov's)."""
    for i in range(params.shape[0]):
        velocity[i] = momentum * velocity[i] + (grads[i] + decay * params[i])
        params[i] -= rate * velocity[i]
