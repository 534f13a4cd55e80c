"""`where`: conditions on a cell's columns, parsed with `ast` against a whitelist and never evaluated as Python.

    condition := condition `and`/`or` condition | `not` condition | full_batch
               | value comparison value ... | value [not] in [literal, ...]
    value     := column | number | text | -value | value + - * / value

Conditions joined by `or` give unions of grids.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from infosweep.study.faults import Place, Report, Source, did_you_mean, listed, quoted

Scalar = bool | int | float | str
Cell = Mapping[str, Any]
_LONGEST = 2000
_DEEPEST = 50

_COMPARE: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}
_GRAMMAR = "use comparisons, and, or, not, in, + - * / on numbers and column names"


class WhereError(Exception):
    """A condition that can't be read, or can't be decided for some cell; offset and length point into it."""

    def __init__(self, message: str, mend: str, offset: int = 0, length: int = 1) -> None:
        super().__init__(message)
        self.message, self.mend, self.offset, self.length = message, mend, offset, length


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed condition: call it with a cell's columns.

    Attributes:
        text: as written.
        names: column -> offset of its first mention.
        literals: (column, text it is compared with, offset, length).
    """

    text: str
    names: dict[str, int]
    literals: tuple[tuple[str, str, int, int], ...]
    test: Callable[[Cell], Any]

    def __call__(self, cell: Cell) -> bool:
        """Return whether the cell is kept; raise StudyError where that can't be decided."""
        try:
            return bool(self.test(cell))
        except WhereError as error:
            _raise(self.text, error)


def compile_where(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return the test that a `where` condition stands for; raise StudyError with position if it is wrong.

    >>> keep = compile_where("label_noise == 0 or depth in [1, 5]")
    >>> keep({"label_noise": 0.2, "depth": 3})
    False
    """
    try:
        return parse_where(text)
    except WhereError as error:
        _raise(text, error)


def _raise(text: str, error: WhereError) -> NoReturn:
    report = Report()
    place = Place(Source("where", text.split("\n")), 0, error.offset, error.length)
    report.add(place, error.message, error.mend)
    report.fail()


def parse_where(text: str) -> Where:
    """Return a parsed condition; raise WhereError if it is wrong."""
    if len(text) > _LONGEST:
        raise WhereError(
            f"a condition has {len(text):,} characters; at most {_LONGEST:,}",
            "split it into several",
        )
    if not text.strip():
        raise WhereError("a condition is empty", "write a comparison, as depth == 5, or drop it")
    flat = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    lead = len(flat) - len(flat.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks about escapes and literals
            tree = ast.parse(flat.strip(), mode="eval").body
    except SyntaxError as error:
        raise _syntax(flat, lead, error) from None
    except (ValueError, RecursionError, MemoryError):
        raise WhereError("this condition is no expression", _GRAMMAR) from None
    parser = _Parser(flat, lead)
    test = parser.condition(tree, 0)
    return Where(text, parser.names, tuple(parser.literals), test)


def _syntax(flat: str, lead: int, error: SyntaxError) -> WhereError:
    end = max(0, len(flat.rstrip()) - 1)  # of what is cut short; Python gives no place then
    offset = min(error.offset - 1 + lead, end) if error.offset else end
    reason, mend = "this condition is no expression", _GRAMMAR
    single = next((i for i, c in enumerate(flat) if c == "=" and _is_assignment(flat, i)), None)
    if single is not None:
        return WhereError("a single = compares nothing", "write == to compare", single)
    if found := re.search("[\u2018-\u201f]", flat):
        mend = "write straight quotes, ' or \""
        return WhereError("typographic quotes are not known here", mend, found.start())
    if found := re.search(r"\b(AND|OR|NOT|IN)\b", flat):
        mend = f"write {found[0].lower()}"
        return WhereError(f"{found[0]} is not known here", mend, found.start(), len(found[0]))
    if "was never closed" in error.msg or "does not match" in error.msg:
        return WhereError("a bracket is not closed", "add the bracket that is missing", offset)
    for sign, word in (("&&", "and"), ("||", "or"), ("!", "not"), ("<>", "!=")):
        at = flat.find(sign)
        if at >= 0 and flat[at : at + 2] != "!=":
            return WhereError(f"{sign} is not known here", f"write {word}", at, len(sign))
    return WhereError(reason, mend, offset)


def _is_assignment(flat: str, i: int) -> bool:
    return flat[i - 1 : i] not in ("=", "<", ">", "!") and flat[i + 1 : i + 2] != "="


class _Parser:
    """Turns a syntax tree into nested functions of a cell."""

    def __init__(self, text: str, lead: int) -> None:
        # ast counts columns in bytes of UTF-8.
        self.text, self.lead, self.bytes = text, lead, text[lead:].encode("utf-8", "replace")
        self.names: dict[str, int] = {}
        self.literals: list[tuple[str, str, int, int]] = []

    def condition(self, node: ast.expr, depth: int) -> Callable[[Cell], Any]:
        """Return the function of a condition."""
        self._bounded(node, depth)
        match node:
            case ast.BoolOp(op=op, values=values):
                tests = [self.condition(value, depth + 1) for value in values]
                every = isinstance(op, ast.And)
                return (
                    (lambda cell: all(t(cell) for t in tests))
                    if every
                    else (lambda cell: any(t(cell) for t in tests))
                )
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                test = self.condition(operand, depth + 1)
                return lambda cell: not test(cell)
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.Name(id=name):
                return self._flag(node, name)
            case _:
                pass
        raise self._fault(
            node, "this is no condition", "compare it with something, as depth == 5", grammar=True
        )

    def _flag(self, node: ast.expr, name: str) -> Callable[[Cell], Any]:
        offset, length = self._at(node)
        get = self._column(node, name)

        def flag(cell: Cell) -> Any:
            value = get(cell)
            if not isinstance(value, bool):
                raise WhereError(
                    f"{name} is a value, not a condition",
                    f"compare it, as {name} == {value}",
                    offset,
                    length,
                )
            return value

        return flag

    def _comparison(self, node: ast.Compare, depth: int) -> Callable[[Cell], Any]:
        parts = [node.left, *node.comparators]
        steps: list[Callable[[Cell], Any]] = []
        for left, op, right in zip(parts, node.ops, parts[1:], strict=False):
            self._note_literals(left, right)
            if isinstance(op, (ast.In, ast.NotIn)):
                steps.append(self._membership(left, right, isinstance(op, ast.NotIn), depth))
            elif type(op) in _COMPARE:
                steps.append(self._order(node, left, type(op), right, depth))
            else:
                raise self._fault(node, "`is` compares nothing here", "write == or !=")
        return steps[0] if len(steps) == 1 else lambda cell: all(step(cell) for step in steps)

    def _order(
        self, node: ast.expr, left: ast.expr, op: type[ast.cmpop], right: ast.expr, depth: int
    ) -> Callable[[Cell], Any]:
        sign, compare = _COMPARE[op]
        first, second = self.value(left, depth + 1), self.value(right, depth + 1)
        offset, length = self._at(node)

        def step(cell: Cell) -> bool:
            a, b = first(cell), second(cell)
            if a is None or b is None:
                return False  # as in SQL: nothing is known about a column that a network lacks
            if sign not in ("==", "!=") and isinstance(a, str) != isinstance(b, str):
                message = f"{sign} can't order {quoted(a)} and {quoted(b)}"
                raise WhereError(
                    message, "compare numbers with numbers, texts with == and !=", offset, length
                )
            return compare(a, b)

        return step

    def _membership(
        self, left: ast.expr, right: ast.expr, negated: bool, depth: int
    ) -> Callable[[Cell], Any]:
        if not isinstance(right, (ast.List, ast.Tuple)):
            raise self._fault(
                right, "`in` needs a list", "write the values in brackets, as depth in [1, 5]"
            )
        first = self.value(left, depth + 1)
        items = [self.value(item, depth + 1) for item in right.elts]

        def step(cell: Cell) -> bool:
            value = first(cell)
            return any(value == item(cell) for item in items) != negated

        return step

    def value(self, node: ast.expr, depth: int) -> Callable[[Cell], Any]:
        """Return the function of a value."""
        self._bounded(node, depth)
        match node:
            case ast.Constant(value=bool()):
                raise self._fault(
                    node, "a condition needs no True or False", "write full_batch or not full_batch"
                )
            case ast.Constant(value=int() | float() | str() as constant):
                return lambda _: constant
            case ast.Name(id=name):
                return self._column(node, name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                inner, negative = self._number(operand, depth), isinstance(op, ast.USub)
                return (lambda cell: -inner(cell)) if negative else inner
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self._arithmetic(node, left, type(op), right, depth)
            case _:
                pass
        raise self._fault(
            node, f"`{self._source(node)}` can't stand in a condition", _GRAMMAR, grammar=True
        )

    def _arithmetic(
        self, node: ast.expr, left: ast.expr, op: type[ast.operator], right: ast.expr, depth: int
    ) -> Callable[[Cell], Any]:
        sign, calculate = _ARITHMETIC[op]
        first, second = self._number(left, depth), self._number(right, depth)
        offset, length = self._at(node)

        def result(cell: Cell) -> Any:
            a, b = first(cell), second(cell)
            try:
                return calculate(a, b)
            except ZeroDivisionError:
                message, mend = (
                    f"this divides {a} by zero",
                    "keep the zero out: x != 0 and y / x > 1",
                )
            except OverflowError:
                message, mend = f"{sign} gives a number that is too large", "use smaller numbers"
            raise WhereError(message, mend, offset, length)

        return result

    def _number(self, node: ast.expr, depth: int) -> Callable[[Cell], Any]:
        get = self.value(node, depth + 1)
        offset, length = self._at(node)

        def number(cell: Cell) -> Any:
            value = get(cell)
            if isinstance(value, str) or value is None or isinstance(value, bool):
                raise WhereError(
                    f"+ - * / need numbers, not {value!r}",
                    "use columns that hold numbers",
                    offset,
                    length,
                )
            return value

        return number

    def _column(self, node: ast.expr, name: str) -> Callable[[Cell], Any]:
        offset, length = self._at(node)
        self.names.setdefault(name, offset)

        def get(cell: Cell) -> Any:
            if name not in cell:
                raise unknown_column(name, cell, offset, length)
            return cell[name]

        return get

    def _note_literals(self, left: ast.expr, right: ast.expr) -> None:
        """Note which texts a column is compared with."""
        for one, other in ((left, right), (right, left)):
            if not isinstance(one, ast.Name):
                continue
            for item in other.elts if isinstance(other, (ast.List, ast.Tuple)) else [other]:
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    self.literals.append((one.id, item.value, *self._at(item)))

    def _bounded(self, node: ast.expr, depth: int) -> None:
        if depth > _DEEPEST:
            raise self._fault(
                node, "a condition is nested too deep", "split it into several; all must hold"
            )

    def _at(self, node: ast.expr) -> tuple[int, int]:
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset + 1
        start = len(self.bytes[: node.col_offset].decode("utf-8", "replace"))
        return start + self.lead, len(self.bytes[node.col_offset : end].decode("utf-8", "replace"))

    def _source(self, node: ast.expr) -> str:
        offset, length = self._at(node)
        text = self.text[offset : offset + length]
        return text if len(text) <= 40 else f"{text[:37]}..."

    def _fault(
        self, node: ast.expr, message: str, mend: str, *, grammar: bool = False
    ) -> WhereError:
        if grammar:
            message, mend = _named(node, message, mend)
        return WhereError(message, mend, *self._at(node))


# Operators of Python that a condition lacks, and that need no advice of their own.
_SIGNS: dict[type[ast.AST], str] = {
    ast.FloorDiv: "//", ast.Mod: "%", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
    ast.MatMult: "@", ast.Invert: "~",
}  # fmt: skip


def _named(node: ast.expr, message: str, mend: str) -> tuple[str, str]:
    """Say what is not allowed, by its name."""
    match node:
        case ast.Call():
            return "a condition can't call functions", _GRAMMAR
        case ast.Attribute(attr=attr):
            return "a condition can't reach into values with a dot", f"name the column, as {attr}"
        case ast.BinOp(op=ast.Pow()):
            return "** is not known in a condition", "write a product, as depth * depth"
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
            return "& and | are not known in a condition", "write and, or"
        case ast.BinOp(op=op) | ast.UnaryOp(op=op) if type(op) in _SIGNS:
            return f"{_SIGNS[type(op)]} is not known in a condition", _GRAMMAR
        case ast.Constant(value=None):
            return "a condition can't compare with None", _GRAMMAR
        case ast.List() | ast.Tuple():
            return "a list can only follow `in`", "write as depth in [1, 5]"
        case ast.Compare() | ast.BoolOp():
            return (
                "a condition can't be compared or calculated with",
                "join conditions with and, or, not",
            )
        case _:
            pass
    return message, mend


def unknown_column(name: str, columns: Mapping[str, Any], offset: int, length: int) -> WhereError:
    """Return the fault of a name that is no column."""
    if name.lower() in ("true", "false", "null", "none"):
        mend = "write full_batch or not full_batch; other columns hold numbers and texts"
        return WhereError(f"{name} is not known here", mend, offset, length)
    guess = did_you_mean(name, columns)
    mend = (
        "rename it"
        if guess
        else f"use a column of the cells: {listed(columns)}; a further one comes with its axis"
    )
    return WhereError(f"{name!r} is no column of this study's cells{guess}", mend, offset, length)
