"""Matrix products of small MLPs as micro-kernels that keep their sums in registers.

Activations are `[row, lane]` tiles of `pitch` lanes, one example a lane. As in the micro-kernels of BLAS
(Goto & van de Geijn, ACM TOMS 34, 2008) blocks of sums stay in registers over the whole inner loop: 4 rows
x 16 lanes for products, 2 x 4 dot products for gradients, so that on a core with 16 vector registers the
multiply-adds and not the loads are the limit.

Arrays are flat float32, `*_at` are offsets into them, `pitch` a multiple of 16; nothing is checked.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

from infosweep.training.vectors import (
    I64,
    LANES,
    QUAD,
    Row,
    Sums,
    Vector,
    each_vector,
    kernel,
    kernel_call,
    load,
    shuffle,
    store,
    times,
    zero,
)

_ROWS, _VECTORS = 4, 2  # of a block of the product
_D_ROWS, _X_ROWS = 2, 4  # of a block of the gradient


@kernel
def multiply(
    _, out, out_at, n_out, x, x_at, n_in, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch
):
    """out (n_out, pitch) = bias + w (n_out, n_in) @ x (n_in, pitch).

    `w_row`, `w_col` and `bias_row` are strides, so that a transpose needs no copy and 0 repeats one bias.
    """
    arguments = (
        out,
        out_at,
        n_out,
        x,
        x_at,
        n_in,
        w,
        w_at,
        w_row,
        w_col,
        bias,
        bias_at,
        bias_row,
        pitch,
    )
    return kernel_call("infosweep_multiply", _multiply, arguments)


@kernel
def add_dots(_, out, out_at, n_out, n_in, d, d_at, x, x_at, pitch):
    """out (n_out, n_in) += d (n_out, pitch) @ x (n_in, pitch).T, row by row."""
    arguments = out, out_at, n_out, n_in, d, d_at, x, x_at, pitch
    return kernel_call("infosweep_add_dots", _add_dots, arguments)


@kernel
def gather(_, out, out_at, pitch, inputs, inputs_at, width, order, start):
    """Write examples `inputs[order[start + j]]` as columns j < pitch of the tile out (width, pitch).

    inputs: flat, `width` values an example; width a multiple of 4.
    """
    arguments = out, out_at, pitch, inputs, inputs_at, width, order, start
    return kernel_call("infosweep_gather", _gather, arguments)


def _blocks(builder, count, size, emit):
    """Cut `count` rows into blocks of `size` and one smaller: emit(first row, rows of the block)."""
    with cgutils.for_range(builder, builder.udiv(count, I64(size))) as loop:
        emit(times(builder, loop.index, size), size)
    rest = builder.urem(count, I64(size))
    first = builder.sub(count, rest)
    for rows in range(1, size):
        with builder.if_then(builder.icmp_unsigned("==", rest, I64(rows))):
            emit(first, rows)


def _rows(builder, array, first, count, stride):
    """Return `count` rows of a matrix from row `first` on."""
    numbers = [builder.add(first, I64(r)) for r in range(count)]
    return [Row(builder, builder.gep(array, [builder.mul(n, stride)])) for n in numbers]


def _multiply(builder, out, n_out, x, n_in, w, w_row, w_col, bias, bias_row, pitch):
    def block(first, rows):
        starts = [row.splat(I64(0)) for row in _rows(builder, bias, first, rows, bias_row)]
        weights = _rows(builder, w, first, rows, w_row)
        outs = _rows(builder, out, first, rows, pitch)
        sums = Sums(builder, rows * _VECTORS)
        with cgutils.for_range(builder, builder.udiv(pitch, I64(LANES * _VECTORS))) as lanes:
            lane = times(builder, lanes.index, LANES * _VECTORS)
            for i in range(rows * _VECTORS):
                sums[i] = starts[i // _VECTORS]
            with cgutils.for_range(builder, n_in) as inner:
                at = builder.add(builder.mul(inner.index, pitch), lane)
                row = Row(builder, builder.gep(x, [at]))
                xs = [row[I64(LANES * v)] for v in range(_VECTORS)]
                column = builder.mul(inner.index, w_col)
                for r in range(rows):
                    weight = weights[r].splat(column)
                    for v in range(_VECTORS):
                        i = r * _VECTORS + v
                        sums[i] = weight.fma(xs[v], sums[i])
            for i in range(rows * _VECTORS):
                outs[i // _VECTORS][builder.add(lane, I64(LANES * (i % _VECTORS)))] = sums[i]

    _blocks(builder, n_out, _ROWS, block)


def _add_dots(builder, out, n_out, n_in, d, x, pitch):
    def block(first_d, d_rows, first_x, x_rows):
        ds = _rows(builder, d, first_d, d_rows, pitch)
        xs = _rows(builder, x, first_x, x_rows, pitch)
        sums = Sums(builder, d_rows * x_rows)
        for i in range(d_rows * x_rows):
            sums[i] = zero(builder)

        def add(lane):
            columns = [row[lane] for row in xs]
            for r in range(d_rows):
                delta = ds[r][lane]
                for c in range(x_rows):
                    i = r * x_rows + c
                    sums[i] = delta.fma(columns[c], sums[i])

        each_vector(builder, pitch, add)
        vectors = []
        for r in range(d_rows):
            vectors += [sums[r * x_rows + c] for c in range(x_rows)]
            vectors += [zero(builder)] * (_X_ROWS - x_rows)
        totals = _sum_lanes(builder, vectors)
        for r, row in enumerate(_rows(builder, out, first_d, d_rows, n_in)):
            part = range(_X_ROWS * r, _X_ROWS * r + x_rows)
            total = shuffle(builder, totals.value, totals.value, part)
            place = row.place(first_x)
            store(builder, builder.fadd(load(builder, place, total.type), total), place)

    def rows(first_d, d_rows):
        _blocks(builder, n_in, _X_ROWS, lambda first, count: block(first_d, d_rows, first, count))

    _blocks(builder, n_out, _D_ROWS, rows)


def _sum_lanes(builder, vectors: list[Vector]) -> Vector:
    """Return one vector whose lane i is the sum over the lanes of `vectors[i]`, by a tree of pairs."""
    level = [*vectors, *[zero(builder)] * (LANES - len(vectors))]
    pairs = (0, 2, 8, 10, 4, 6, 12, 14), (1, 3, 9, 11, 5, 7, 13, 15)
    halves = (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)
    for one, other in (pairs, pairs, halves):
        level = [
            Vector(builder, shuffle(builder, a.value, b.value, one))
            + Vector(builder, shuffle(builder, a.value, b.value, other))
            for a, b in zip(level[::2], level[1::2], strict=True)
        ]
    return level[0]


def _gather(builder, out, pitch, inputs, width, order):
    def lanes(lane):
        starts = []
        for j in range(LANES):
            example = builder.load(builder.gep(order, [builder.add(lane, I64(j))]))
            starts.append(builder.gep(inputs, [builder.mul(example, width)]))
        with cgutils.for_range(builder, builder.udiv(width, I64(4))) as quads:
            column = times(builder, quads.index, 4)
            rows = [load(builder, builder.gep(start, [column]), QUAD) for start in starts]
            for row, values in zip(
                _rows(builder, out, column, 4, pitch), _transpose(builder, rows), strict=True
            ):
                store(builder, values, row.place(lane))

    each_vector(builder, pitch, lanes)


def _transpose(builder, rows: list[ir.Value]) -> list[ir.Value]:
    """Return 4 vectors of 8 lanes from 8 of 4 lanes."""
    a, b, c, d = (shuffle(builder, rows[j], rows[j + 4], range(LANES)) for j in range(4))
    columns = []
    for mask in ((0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)):
        ab, cd = shuffle(builder, a, b, mask), shuffle(builder, c, d, mask)
        columns.append(shuffle(builder, ab, cd, (0, 1, 8, 9, 4, 5, 12, 13)))
        columns.append(shuffle(builder, ab, cd, (2, 3, 10, 11, 6, 7, 14, 15)))
    return columns
