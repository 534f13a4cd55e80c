"""Four micro-kernels in explicit 8-lane vectors: the matrix products of a small MLP, held in registers.

Matrices of activations are `[row, lane]` tiles of `pitch` examples in one flat float32 array. The blocks
keep their sums in registers over the whole inner loop, as BLAS micro-kernels do (Goto & van de Geijn,
ACM TOMS 34, 2008): 4 x 16 sums for products, 2 x 4 dot products of 8 lanes for gradients, so that the
multiply-adds and not the loads are the limit on a core with 16 vector registers. They are written as
LLVM vectors rather than left to the auto-vectoriser, since with this many rows it gives up on proving
that they do not overlap, and because the order of every sum is then fixed: results don't depend on the
width of the machine's vectors.

Arguments `*_at` are offsets into the flat arrays; nothing is checked.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 8

_F32 = ir.FloatType()
_I32 = ir.IntType(32)
_VECTOR = ir.VectorType(_F32, LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)


def _element(context, builder, kind, array, index):
    """Return the address of `array[index]`."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index])


def _load(builder, address, vector=_VECTOR):
    loaded = builder.load(builder.bitcast(address, vector.as_pointer()))
    loaded.align = 4
    return loaded


def _store(builder, value, address):
    stored = builder.store(value, builder.bitcast(address, value.type.as_pointer()))
    stored.align = 4


def _shuffle(builder, a, b, lanes):
    mask = ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes))
    return builder.shuffle_vector(a, b, mask)


def _splat(builder, scalar):
    single = builder.insert_element(
        ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(_I32, 0)
    )
    return _shuffle(builder, single, ir.Constant(_VECTOR, ir.Undefined), [0] * LANES)


def _fma(builder, a, b, c):
    signature = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return builder.call(
        cgutils.get_or_insert_function(builder.module, signature, "llvm.fma.v8f32"), [a, b, c]
    )


class _Sums:
    """Accumulators that LLVM keeps in registers (stack slots which mem2reg removes)."""

    def __init__(self, builder, count):
        self.builder = builder
        self.slots = [cgutils.alloca_once(builder, _VECTOR) for _ in range(count)]

    def set(self, i, value):
        self.builder.store(value, self.slots[i])

    def get(self, i):
        return self.builder.load(self.slots[i])

    def add_product(self, i, a, b):
        self.set(i, _fma(self.builder, a, b, self.get(i)))


def _product_block(n_rows, n_vectors):
    """Make the kernel of `n_rows` output rows: out[r] = bias[r] + sum_k w[r, k] x[k], over `pitch` lanes."""

    @intrinsic
    def block(
        typingctx, out, out_at, x, x_at, n_in, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch
    ):
        def codegen(context, builder, signature, arguments):
            out, out_at, x, x_at, n_in, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch = (
                arguments
            )
            kinds = signature.args
            integer = pitch.type
            bias_from = _element(context, builder, kinds[9], bias, bias_at)
            biases = [
                _splat(
                    builder,
                    builder.load(builder.gep(bias_from, [builder.mul(integer(r), bias_row)])),
                )
                for r in range(n_rows)
            ]
            w_from = _element(context, builder, kinds[5], w, w_at)
            w_rows = [builder.gep(w_from, [builder.mul(integer(r), w_row)]) for r in range(n_rows)]
            x_from = _element(context, builder, kinds[2], x, x_at)
            out_from = _element(context, builder, kinds[0], out, out_at)
            sums = _Sums(builder, n_rows * n_vectors)
            with cgutils.for_range(
                builder, builder.udiv(pitch, integer(LANES * n_vectors))
            ) as outer:
                lane = builder.mul(outer.index, integer(LANES * n_vectors))
                for r in range(n_rows):
                    for v in range(n_vectors):
                        sums.set(r * n_vectors + v, biases[r])
                with cgutils.for_range(builder, n_in) as inner:
                    row = builder.gep(x_from, [builder.add(builder.mul(inner.index, pitch), lane)])
                    xs = [
                        _load(builder, builder.gep(row, [integer(LANES * v)]))
                        for v in range(n_vectors)
                    ]
                    column = builder.mul(inner.index, w_col)
                    for r in range(n_rows):
                        weight = _splat(builder, builder.load(builder.gep(w_rows[r], [column])))
                        for v in range(n_vectors):
                            sums.add_product(r * n_vectors + v, weight, xs[v])
                for r in range(n_rows):
                    at = builder.gep(out_from, [builder.add(builder.mul(integer(r), pitch), lane)])
                    for v in range(n_vectors):
                        _store(
                            builder,
                            sums.get(r * n_vectors + v),
                            builder.gep(at, [integer(LANES * v)]),
                        )
            return context.get_dummy_value()

        arrays = out, out_at, x, x_at, n_in, w, w_at, w_row, w_col, bias, bias_at, bias_row, pitch
        return types.void(*_arguments(arrays)), codegen

    return block


def _arguments(kinds):
    """Arrays as they are, every integer as intp."""
    return [kind if isinstance(kind, types.Array) else types.intp for kind in kinds]


def _sum_lanes(builder, vectors):
    """Return one vector whose lane i is the sum over the lanes of `vectors[i]`, by a tree of pairs."""
    level = [*vectors, *[_ZERO] * (LANES - len(vectors))]
    pairs = [(0, 2, 8, 10, 4, 6, 12, 14), (1, 3, 9, 11, 5, 7, 13, 15)]
    for even, odd in (pairs, pairs, [(0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)]):
        level = [
            builder.fadd(_shuffle(builder, a, b, even), _shuffle(builder, a, b, odd))
            for a, b in zip(level[::2], level[1::2], strict=True)
        ]
    return level[0]


def _dot_block(n_rows, n_columns):
    """Make the kernel out[r, c] += sum over `pitch` lanes of d[r] x[c], for up to 2 rows and 4 columns."""

    @intrinsic
    def block(typingctx, out, out_at, out_row, d, d_at, x, x_at, pitch):
        def codegen(context, builder, signature, arguments):
            out, out_at, out_row, d, d_at, x, x_at, pitch = arguments
            kinds = signature.args
            integer = pitch.type

            def row(kind, array, at, r):
                return _element(
                    context, builder, kind, array, builder.add(at, builder.mul(integer(r), pitch))
                )

            d_rows = [row(kinds[3], d, d_at, r) for r in range(n_rows)]
            x_rows = [row(kinds[5], x, x_at, c) for c in range(n_columns)]
            sums = _Sums(builder, n_rows * n_columns)
            for i in range(n_rows * n_columns):
                sums.set(i, _ZERO)
            with cgutils.for_range(builder, builder.udiv(pitch, integer(LANES))) as loop:
                lane = builder.mul(loop.index, integer(LANES))
                xs = [_load(builder, builder.gep(at, [lane])) for at in x_rows]
                for r in range(n_rows):
                    delta = _load(builder, builder.gep(d_rows[r], [lane]))
                    for c in range(n_columns):
                        sums.add_product(r * n_columns + c, delta, xs[c])
            padding = [_ZERO] * (4 - n_columns)
            vectors = []
            for r in range(n_rows):
                vectors += [sums.get(r * n_columns + c) for c in range(n_columns)] + padding
            totals = _sum_lanes(builder, vectors)
            for r in range(n_rows):
                total = _shuffle(builder, totals, totals, range(4 * r, 4 * r + n_columns))
                at = _element(
                    context,
                    builder,
                    kinds[0],
                    out,
                    builder.add(out_at, builder.mul(integer(r), out_row)),
                )
                _store(builder, builder.fadd(_load(builder, at, total.type), total), at)
            return context.get_dummy_value()

        return types.void(*_arguments((out, out_at, out_row, d, d_at, x, x_at, pitch))), codegen

    return block


@intrinsic
def gather_block(typingctx, out, out_at, pitch, inputs, width, order, order_at):
    """Write 8 examples `inputs[order[order_at + j]]`, j < 8, as columns of the tile at `out_at`.

    inputs: flat, `width` values an example; width a multiple of 4.
    """

    def codegen(context, builder, signature, arguments):
        out, out_at, pitch, inputs, width, order, order_at = arguments
        kinds = signature.args
        integer = pitch.type
        quad = ir.VectorType(_F32, 4)
        first = _element(context, builder, kinds[5], order, order_at)
        starts = []
        for j in range(LANES):
            example = builder.load(builder.gep(first, [integer(j)]))
            starts.append(_element(context, builder, kinds[3], inputs, builder.mul(example, width)))
        to = _element(context, builder, kinds[0], out, out_at)
        with cgutils.for_range(builder, builder.udiv(width, integer(4))) as loop:
            column = builder.mul(loop.index, integer(4))
            rows = [_load(builder, builder.gep(at, [column]), quad) for at in starts]
            a, b, c, d = (_shuffle(builder, rows[j], rows[j + 4], range(LANES)) for j in range(4))
            low, high = (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)
            halves = [
                _shuffle(builder, *pair, mask) for mask in (low, high) for pair in ((a, b), (c, d))
            ]
            left, right = (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)
            pairs = (halves[0], halves[1]), (halves[2], halves[3])
            columns = [_shuffle(builder, *pair, mask) for pair in pairs for mask in (left, right)]
            for j in range(4):
                at = builder.mul(builder.add(column, integer(j)), pitch)
                _store(builder, columns[j], builder.gep(to, [at]))
        return context.get_dummy_value()

    return types.void(*_arguments((out, out_at, pitch, inputs, width, order, order_at))), codegen


product_4 = _product_block(4, 2)
product_3 = _product_block(3, 2)
product_2 = _product_block(2, 2)
product_1 = _product_block(1, 2)

dots_24, dots_23, dots_22, dots_21 = (_dot_block(2, n) for n in (4, 3, 2, 1))
dots_14, dots_13, dots_12, dots_11 = (_dot_block(1, n) for n in (4, 3, 2, 1))
