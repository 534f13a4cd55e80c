"""Explicit 8-lane float32 vectors for numba: a small notation over LLVM's, and how kernels are called.

numba's kernels are usually left to LLVM's auto-vectoriser. Here the vectors are written out, for three
reasons: with a dozen rows in one loop it gives up on proving that none overlap; the order of every sum and
every fused multiply-add is fixed, so results don't depend on how wide the machine's vectors are; and
compiling takes a quarter of the time.

A kernel is a Python function that emits instructions; `kernel_call` makes it one internal function of the
calling numba function's module. Operators on `Vector` round after each step; `fma` once for two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 8

I64, F32 = ir.IntType(64), ir.FloatType()
_I32 = ir.IntType(32)
QUAD, WIDE = ir.VectorType(F32, 4), ir.VectorType(F32, LANES)
_INTEGERS = ir.VectorType(_I32, LANES)


class Vector:
    """Eight float32 numbers; a Python number beside one stands for eight of it."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    def like(self, number) -> Vector:
        """Return eight times a Python number, or the vector that was given."""
        if isinstance(number, Vector):
            return number
        return Vector(self.builder, ir.Constant(WIDE, [float(number)] * LANES))

    def __add__(self, other):
        return Vector(self.builder, self.builder.fadd(self.value, self.like(other).value))

    def __sub__(self, other):
        return Vector(self.builder, self.builder.fsub(self.value, self.like(other).value))

    def __rsub__(self, other):
        return self.like(other) - self

    def __mul__(self, other):
        return Vector(self.builder, self.builder.fmul(self.value, self.like(other).value))

    def __truediv__(self, other):
        return Vector(self.builder, self.builder.fdiv(self.value, self.like(other).value))

    def __rtruediv__(self, other):
        return self.like(other) / self

    def __neg__(self):
        return Vector(self.builder, self.builder.fneg(self.value))

    def fma(self, factor, term) -> Vector:
        """Return self * factor + term, rounded once."""
        values = [self.value, self.like(factor).value, self.like(term).value]
        return self._call("llvm.fma", values)

    def sqrt(self) -> Vector:
        """Return the square root, correctly rounded."""
        return self._call("llvm.sqrt", [self.value])

    def abs(self) -> Vector:
        """Return the absolute value."""
        return self._call("llvm.fabs", [self.value])

    def at_least(self, bound) -> Vector:
        """Return the larger one; NaN in self stays."""
        return self.choose("<", bound, bound, self)

    def at_most(self, bound) -> Vector:
        """Return the smaller one; NaN in self stays."""
        return self.choose(">", bound, bound, self)

    def positive_part(self) -> Vector:
        """Return the larger of self and 0; where self is not finite, so is the result.

        0 times self is added for that. A selection that keeps NaN, stored where it was loaded from, LLVM
        turns into a masked store, which is ten times slower.
        """
        larger = self._call("llvm.maxnum", [self.value, self.like(0).value])
        return self.fma(0, larger)

    def choose(self, comparison, other, yes, no) -> Vector:
        """Return `yes` where self compares so with `other`, else (and where either is NaN) `no`."""
        mask = self.builder.fcmp_ordered(comparison, self.value, self.like(other).value)
        return Vector(
            self.builder, self.builder.select(mask, self.like(yes).value, self.like(no).value)
        )

    def polynomial(self, *coefficients) -> Vector:
        """Return c0 + c1 x + c2 x^2 + ... by Horner's rule, each step rounded once."""
        result = self.like(coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            result = result.fma(self, coefficient)
        return result

    def power_of_two(self) -> Vector:
        """Return 2^n, where n is the integer in the low bits of self = 1.5 * 2^23 + n."""
        bits = self.builder.bitcast(self.value, _INTEGERS)
        bits = self.builder.shl(bits, ir.Constant(_INTEGERS, [23] * LANES))
        bits = self.builder.add(bits, ir.Constant(_INTEGERS, [127 << 23] * LANES))
        return Vector(self.builder, self.builder.bitcast(bits, WIDE))

    def _call(self, name, values):
        kind = ir.FunctionType(WIDE, [WIDE] * len(values))
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"{name}.v{LANES}f32")
        return Vector(self.builder, self.builder.call(function, values))


class Row:
    """Consecutive numbers in memory, read and written eight (or fewer) at a time."""

    def __init__(self, builder, pointer):
        self.builder, self.pointer = builder, pointer

    def __getitem__(self, index) -> Vector:
        return Vector(self.builder, load(self.builder, self.place(index)))

    def __setitem__(self, index, vector) -> None:
        store(self.builder, vector.value, self.place(index))

    def place(self, index):
        """Return the address of the number at `index`."""
        return self.builder.gep(self.pointer, [index])

    def splat(self, index) -> Vector:
        """Return eight times the number at `index`."""
        return splat(self.builder, self.builder.load(self.place(index)))


class Sums:
    """Vectors that change in a loop; LLVM turns these stack slots into registers."""

    def __init__(self, builder, count):
        self.builder = builder
        self.slots = [cgutils.alloca_once(builder, WIDE) for _ in range(count)]

    def __getitem__(self, i) -> Vector:
        return Vector(self.builder, self.builder.load(self.slots[i]))

    def __setitem__(self, i, vector) -> None:
        self.builder.store(vector.value, self.slots[i])


def load(builder, address, kind=WIDE):
    """Load a vector from any address."""
    loaded = builder.load(builder.bitcast(address, kind.as_pointer()))
    loaded.align = 4
    return loaded


def store(builder, value, address):
    """Store a vector to any address."""
    stored = builder.store(value, builder.bitcast(address, value.type.as_pointer()))
    stored.align = 4


def shuffle(builder, a, b, lanes):
    """Return the vector of these lanes of `a` and, counted on, of `b`."""
    lanes = list(lanes)
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, len(lanes)), lanes))


def splat(builder, scalar) -> Vector:
    """Return eight times a float32 of LLVM."""
    undefined = ir.Constant(WIDE, ir.Undefined)
    first = builder.insert_element(undefined, scalar, _I32(0))
    return Vector(builder, shuffle(builder, first, undefined, [0] * LANES))


def zero(builder) -> Vector:
    """Return eight zeros."""
    return Vector(builder, ir.Constant(WIDE, [0.0] * LANES))


def times(builder, index, count: int):
    """Return index * count."""
    return builder.mul(index, I64(count))


def each_vector(builder, length, body, at_once: int = 1) -> None:
    """Run body(index of a first lane) over `length` numbers, a multiple of 8 * at_once."""
    size = LANES * at_once
    with cgutils.for_range(builder, builder.udiv(length, I64(size))) as loop:
        first = times(builder, loop.index, size)
        for i in range(at_once):
            body(builder.add(first, I64(LANES * i)))


def kernel(declaration: Callable[..., tuple]) -> Callable[..., Any]:
    """Make a declaration of a kernel callable in numba functions, with the arguments after its first."""
    return intrinsic(declaration)


def kernel_call(name: str, emit: Callable[..., None], arguments: tuple) -> tuple:
    """Return what an intrinsic of numba returns: the signature and the code of a call of a kernel.

    Args:
        name: of the function in the module.
        emit: writes the kernel's body: emit(builder, *values), an array and its offset being one pointer.
        arguments: numba's types of the call's arguments; each array is followed by an offset into it.
    """
    kinds = [
        kind
        if isinstance(kind, types.Array)
        else types.intp
        if isinstance(kind, types.Integer)
        else types.float32
        for kind in arguments
    ]

    def codegen(context, builder, _, values):
        call = []
        pending = iter(zip(kinds, values, strict=True))
        for kind, value in pending:
            if isinstance(kind, types.Array):
                data = context.make_array(kind)(context, builder, value).data
                call.append(builder.gep(data, [next(pending)[1]]))
            else:
                call.append(value)
        function = builder.module.globals.get(name)
        if function is None:
            function = _define(builder.module, name, emit, [value.type for value in call])
        builder.call(function, call)
        return context.get_dummy_value()

    return types.void(*kinds), codegen


def _define(module, name, emit, kinds):
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("optsize")  # no unrolling: loops are short and written at their width
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    emit(builder, *function.args)
    builder.ret_void()
    return function
