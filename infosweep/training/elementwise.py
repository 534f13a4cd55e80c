"""Activations, softmax and optimisers of the fused engine.

Each number is computed alone. What libraries compute one number at a time is approximated: tanh by a
rational function (absolute error below 3.1e-7, always within (-1, 1)), exp by range reduction and a
polynomial. NaN passes through all of them, so that a network that diverges is seen to.

Arrays are flat float32, `*_at` are offsets into them, lengths multiples of 16; nothing is checked.
"""

from __future__ import annotations

from numba.core import cgutils

from infosweep.training.vectors import (
    I64,
    Row,
    Sums,
    Vector,
    each_vector,
    kernel,
    kernel_call,
    splat,
    zero,
)

LINEAR, TANH, RELU, SIGMOID, SOFTPLUS, SOFTSIGN = range(6)

# x P(x^2) / Q(x^2) on [-7.9, 7.9] by Lawson-weighted least squares: 1.5e-8 before rounding.
_TANH_END = 7.9
_TANH_P = (
    *(0.999999923085425, 0.12978464510102958, 0.002985236254290242),
    *(9.877270498855566e-06, -1.4720305611952198e-08, 2.3617933868071802e-11),
)
_TANH_Q = 1.0, 0.4631176604379994, 0.024024840387904346, 0.00023714448384040438

# exp(x) = 2^n exp(r), |r| <= ln(2) / 2, ln(2) in two parts (Cody & Waite 1980); adding 1.5 * 2^23 rounds.
_LOG2E, _ROUND = 1.4426950408889634, 12582912.0
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
_EXP = 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720

# log(1 + u) = 2 artanh(s), s = u / (2 + u) <= 1/3 for u in [0, 1]: the series to s^15 leaves 2e-9.
_ARTANH = tuple(2 / (2 * k + 1) for k in range(8))

BETA1, BETA2, _EPSILON = 0.9, 0.999, 1e-8


@kernel
def activate(_, x, x_at, n, kind):
    """Apply an activation to n numbers in place."""
    return kernel_call("infosweep_activate", _activate, (x, x_at, n, kind))


@kernel
def multiply_by_slope(_, d, d_at, h, h_at, n, kind):
    """Multiply n numbers `d` in place by the derivative of an activation, given its values `h`."""
    return kernel_call("infosweep_slope", _multiply_by_slope, (d, d_at, h, h_at, n, kind))


@kernel
def softmax(_, z, z_at, n_classes, pitch):
    """Softmax over the rows of z (n_classes, pitch), in place."""
    return kernel_call("infosweep_softmax", _softmax, (z, z_at, n_classes, pitch))


@kernel
def subtract_targets(_, p, p_at, n_classes, target, target_at, scale, scale_at, pitch):
    """p (n_classes, pitch) = (p - one hot of the row `target`) * the row `scale`, in place.

    Makes the softmax the gradient of a weighted sum of cross entropies by the logits.
    """
    arguments = p, p_at, n_classes, target, target_at, scale, scale_at, pitch
    return kernel_call("infosweep_targets", _subtract_targets, arguments)


@kernel
def adam(_, params, params_at, grads, grads_at, m, m_at, v, v_at, n, step, unbias, decay):
    """One step of Adam on n numbers, as torch.optim.Adam takes it (Kingma & Ba 2015).

    `step` is rate / (1 - beta1^t), `unbias` 1 / sqrt(1 - beta2^t); `decay` times the parameters is added
    to their gradient, as torch's `weight_decay`.
    """
    arguments = params, params_at, grads, grads_at, m, m_at, v, v_at, n, step, unbias, decay
    return kernel_call("infosweep_adam", _adam, arguments)


@kernel
def descend(_, params, params_at, grads, grads_at, v, v_at, n, rate, momentum, decay):
    """One step of SGD with momentum on n numbers, as torch.optim.SGD takes it (no dampening)."""
    arguments = params, params_at, grads, grads_at, v, v_at, n, rate, momentum, decay
    return kernel_call("infosweep_descend", _descend, arguments)


def tanh(x: Vector) -> Vector:
    """Hyperbolic tangent."""
    x = x.at_most(_TANH_END).at_least(-_TANH_END)
    s = x * x
    return x * s.polynomial(*_TANH_P) / s.polynomial(*_TANH_Q)


def exp(x: Vector) -> Vector:
    """Exponential, of x clamped to [-87, 88]."""
    x = x.at_least(-87).at_most(88)
    rounded = x.fma(_LOG2E, _ROUND)
    n = rounded - _ROUND
    r = n.fma(-_LN2_LOW, n.fma(-_LN2_HIGH, x))
    return (r * r).fma(r.polynomial(*_EXP), r + 1) * rounded.power_of_two()


def sigmoid(x: Vector) -> Vector:
    """Logistic function."""
    return tanh(x * 0.5).fma(0.5, 0.5)


def softplus(x: Vector) -> Vector:
    """log(1 + exp(x))."""
    u = exp(-x.abs())
    s = u / (u + 2)
    return s.fma((s * s).polynomial(*_ARTANH), x.at_least(0))


def softsign(x: Vector) -> Vector:
    """x / (1 + |x|)."""
    return x / (x.abs() + 1)


def _softsign_slope(h: Vector) -> Vector:
    rest = 1 - h.abs()
    return rest * rest


VALUES = {
    TANH: tanh,
    RELU: Vector.positive_part,
    SIGMOID: sigmoid,
    SOFTPLUS: softplus,
    SOFTSIGN: softsign,
}
SLOPES = {  # by the activation's value
    TANH: lambda h: (-h).fma(h, 1),
    RELU: lambda h: h.choose(">", 0, 1, 0),
    SIGMOID: lambda h: (-h).fma(h, h),
    SOFTPLUS: lambda h: 1 - exp(-h),
    SOFTSIGN: _softsign_slope,
}


def _switch(builder, kind, emit):
    """Emit a branch for each activation but `linear`, which leaves all as it is."""
    for number in VALUES:
        with builder.if_then(builder.icmp_unsigned("==", kind, I64(number))):
            emit(number)


def _activate(builder, x, n, kind):
    row = Row(builder, x)

    def emit(number):
        def body(i):
            row[i] = VALUES[number](row[i])

        each_vector(builder, n, body, at_once=2)

    _switch(builder, kind, emit)


def _multiply_by_slope(builder, d, h, n, kind):
    d, h = Row(builder, d), Row(builder, h)

    def emit(number):
        def body(i):
            d[i] = d[i] * SLOPES[number](h[i])

        each_vector(builder, n, body, at_once=2)

    _switch(builder, kind, emit)


def _softmax(builder, z, n_classes, pitch):
    z = Row(builder, z)
    sums = Sums(builder, 2)

    def body(lane):
        def classes(work):
            with cgutils.for_range(builder, n_classes) as loop:
                work(builder.add(builder.mul(loop.index, pitch), lane))

        def find_peak(at):
            sums[0] = z[at].at_least(sums[0])

        def exponentiate(at):
            z[at] = exp(z[at] - sums[0])
            sums[1] = sums[1] + z[at]

        def normalise(at):
            z[at] = z[at] * sums[1]

        sums[0], sums[1] = z[lane], zero(builder)
        classes(find_peak)
        classes(exponentiate)
        sums[1] = 1 / sums[1]
        classes(normalise)

    each_vector(builder, pitch, body)


def _subtract_targets(builder, p, n_classes, target, scale, pitch):
    p, target, scale = Row(builder, p), Row(builder, target), Row(builder, scale)
    with cgutils.for_range(builder, n_classes) as loop:
        number = splat(builder, builder.uitofp(loop.index, zero(builder).value.type.element))
        start = builder.mul(loop.index, pitch)

        def body(lane):
            hot = target[lane].choose("==", number, 1, 0)
            at = builder.add(start, lane)
            p[at] = (p[at] - hot) * scale[lane]

        each_vector(builder, pitch, body)


def _adam(builder, params, grads, m, v, n, step, unbias, decay):
    params, grads, m, v = (Row(builder, each) for each in (params, grads, m, v))
    step, unbias, decay = (splat(builder, each) for each in (step, unbias, decay))

    def body(i):
        g = decay.fma(params[i], grads[i])
        m[i] = (g - m[i]).fma(1 - BETA1, m[i])
        v[i] = (g * g).fma(1 - BETA2, v[i] * BETA2)
        params[i] = params[i] - step * (m[i] / v[i].sqrt().fma(unbias, _EPSILON))

    each_vector(builder, n, body)


def _descend(builder, params, grads, v, n, rate, momentum, decay):
    params, grads, v = (Row(builder, each) for each in (params, grads, v))
    rate, momentum, decay = (splat(builder, each) for each in (rate, momentum, decay))

    def body(i):
        v[i] = momentum.fma(v[i], decay.fma(params[i], grads[i]))
        params[i] = params[i] - rate * v[i]

    each_vector(builder, n, body)
