"""Mutation check: change one sign, comparison or constant of an estimator or measure, and see a reference fail.

    python tests/information/mutants.py             all mutants; lists those that no check noticed, exit 1 if any
    python tests/information/mutants.py --every 20  each twentieth
    python tests/information/mutants.py --of bins.py:70  the mutants of a file, or of one line

Kernels run as plain Python (NUMBA_DISABLE_JIT), so that a mutant costs a fraction of a second. Mutants that change
nothing that can be seen (speed, scratch room, a tie between equals) are in EQUIVALENT, each with its reason.
"""

from __future__ import annotations

import os

os.environ["NUMBA_DISABLE_JIT"] = "1"

import argparse
import ast
import importlib.abc
import importlib.util
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

FILES = {
    name: ROOT / "infosweep" / folder / f"{name}.py"
    for folder, names in {
        "information": ("counts", "ranks", "cells", "samples", "bins"),
        "measures": ("discrimination", "curves", "gradients"),
    }.items()
    for name in names
}
SECONDS = 3.0  # of CPU; a mutant that takes longer has lost its way out of a loop: noticed

# file: [(start of the line, changes or None for all, why they can't be noticed)]
EQUIVALENT: dict[str, list[tuple[str, set[str] | None, str]]] = {
    "counts": [
        ("_GOLDEN =", None, "any odd multiplier spreads codes; slower at worst"),
        ("_ONE =", None, "any odd stride visits every slot"),
        ("counts = np.arange(n + 1", {"1 -> 2"}, "a longer table"),
        ("return max(4,", {"4 -> 5", "Sub -> Add", "1 -> 2", "2 -> 3"}, "a larger table"),
        ("slots[:] = -1", {"1 -> 2"}, "any negative number is empty"),
        ("if span <=", {"LtE -> Lt"}, "the hash table numbers alike"),
        ("shift =", {"Sub -> Add", "64 -> 65"}, "other slots"),
        ("slot = (slot + _ONE)", {"Add -> Sub"}, "searches backwards"),
        ("counts[i] = -1", {"1 -> 2"}, "any negative number is no group"),
        ("elif count > 1:", {"Gt -> GtE"}, "1 was dealt with above"),
        ('f"a has', {"0 -> 1"}, "text"),
        ("n = numbered[0].size", None, "sizes are equal here"),
        ("joint =", None, "still one number for each pair"),
    ],
    "ranks": [
        ("_DIGIT = 11", None, "six passes of 12 bits cover 64 as well"),
        ("histogram =", {"6 -> 7", "1 -> 2"}, "a larger table"),
        ("passes += 1", {"Add -> Sub"}, "same parity"),
        ("if n == 0 or", {"0 -> 1"}, "one value is in order; and any key will do"),
        ("if place > 0", {"Gt -> GtE"}, "none is smaller than the first"),
    ],
    "cells": [
        ("BINS, EDGES", {"3 -> 4"}, "a name"),
        ("_MAX_CELLS", None, "cells wrap without meeting, or are numbered"),
        ("_MAX_SPAN = np.uint64(2**64 - 1)", {"1 -> 2"}, "one less"),
        ("_FEW =", None, "two ways to the same cells"),
        ("_EXACT =", None, "cells so far apart are numbered anyway"),
        ("if step >", None, "two ways to the same cells"),
        ("guess -=", {"Lt -> LtE"}, "the next line takes it back"),
        ("guess = np.int32", {"0.0 -> 0.01"}, "the edges decide"),
        ("below, above = 0, cells", {"0 -> 1"}, "edge 0 puts values where clipping puts them"),
        ("cell[j] = top if value >= high", {"GtE -> Gt"}, "the search finds the last cell too"),
        ("if edges.shape[0] <= _FEW", None, "two ways to the same cells"),
        ("high = -np.inf", None, "cells are numbered, more slowly"),
        ("if high - low < _MAX_CELLS", {"Lt -> LtE"}, "either way is right at the limit"),
        ("gather =", {"0 -> 1"}, "one example has one code"),
        ("span = np.uint64(1)", None, "a looser bound"),
        ("if equal_cells(", {"Gt -> GtE"}, "counts none"),
        ("radix = edges.shape[0] + 1", {"1 -> 2"}, "a looser bound"),
        ("if span > _MAX_SPAN", {"Gt -> GtE"}, "numbered one unit earlier"),
        ("codes[j] = codes[j] * radix", {"Add -> Sub"}, "still one number for each pair"),
    ],
    "samples": [
        ("dtype = np.int8", {"LtE -> Lt"}, "wider labels"),
        ("block = np.zeros", {"8 -> 9"}, "other padding"),
        ("if bounds[y + 1] > bounds[y]", {"Gt -> GtE"}, "adds nothing"),
    ],
    "bins": [
        ("_FIXED, _PER_LAYER", {"2 -> 3"}, "a name"),
        ("width: Any", None, "not used by other rules"),
        ("low, high = settings.range", None, "not used by other scopes"),
        ("slots =", None, "a larger table"),
        ("sizes =", {"FloorDiv -> Mult", "1 -> 2", "2 -> 3"}, "room"),
        ("n_ids = 0", None, "overwritten"),
        ("joint_sums(", {"2 -> 3"}, "a padded lane more"),
        ("row[4] =", {"Gt -> GtE", "1 -> 2"}, "0 / 0 is NaN as well"),
    ],
    "discrimination": [
        ("table = np.zeros((RANK_CELLS, 2)", {"2 -> 3"}, "an empty column"),
        ("cell = 0", None, "overwritten"),
        ("auc = area", {"Gt -> GtE"}, "0 / 0 is NaN as well, outside compiled code"),
    ],
    "curves": [
        ("scratch =", {"4 -> 5"}, "room"),
        ("new_value[place] =", {"Gt -> GtE"}, "nothing lies before the first"),
    ],
}

_BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
_COMPARE = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}


class Mutation:
    """One change of a syntax tree: the place, how to make it and how to take it back."""

    def __init__(
        self, name: str, node: ast.AST, field: str, index: int | None, new: object, text: str
    ) -> None:
        self.file = name
        self.line = node.lineno  # pyright: ignore[reportAttributeAccessIssue]
        self.text = text
        self._node, self._field, self._index, self._new = node, field, index, new

    def swap(self) -> None:
        """Put the new part in, or the old one back."""
        holder = getattr(self._node, self._field)
        if self._index is None:
            setattr(self._node, self._field, self._new)
            self._new = holder
        else:
            holder[self._index], self._new = self._new, holder[self._index]


def mutations(name: str, tree: ast.Module) -> Iterator[Mutation]:
    """Yield every change of one sign, comparison or number in the bodies of a module's functions and constants."""
    for top in tree.body:
        if isinstance(top, ast.FunctionDef):
            nodes = [node for statement in top.body for node in ast.walk(statement)]
        elif isinstance(top, ast.Assign):
            nodes = list(ast.walk(top.value))
        else:
            continue
        for node in nodes:
            yield from _changes(name, node)


def _changes(name: str, node: ast.AST) -> Iterator[Mutation]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _BINARY:
        new = _BINARY[type(node.op)]()
        yield Mutation(
            name, node, "op", None, new, f"{type(node.op).__name__} -> {type(new).__name__}"
        )
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            if type(op) in _COMPARE:
                new = _COMPARE[type(op)]()
                yield Mutation(
                    name, node, "ops", index, new, f"{type(op).__name__} -> {type(new).__name__}"
                )
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Mutation(name, node, "op", None, ast.UAdd(), "- -> +")
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        new = node.value + 1 if isinstance(node.value, int) else node.value * 1.01 + 0.01
        yield Mutation(name, node, "value", None, new, f"{node.value} -> {new}")


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a changed tree instead of its file."""

    def __init__(self, module: str, path: Path, tree: ast.Module) -> None:
        self._module, self._path, self._tree = module, path, tree

    def find_spec(self, fullname, path=None, target=None):
        del path, target
        if fullname == self._module:
            return importlib.util.spec_from_file_location(fullname, self._path, loader=self)
        return None

    def create_module(self, spec):
        del spec

    def exec_module(self, module):
        exec(compile(self._tree, str(self._path), "exec"), module.__dict__)


def noticed(path: Path, tree: ast.Module, seconds: float = SECONDS) -> str | None:
    """Return how the checks notice the changed module: the error's name, or None."""
    import mutant_checks

    module = f"infosweep.{path.parent.name}.{path.stem}"
    finder = _Mutated(module, path, tree)
    for loaded in [
        name
        for name in sys.modules
        if name.startswith(("infosweep.information", "infosweep.measures"))
    ]:
        del sys.modules[loaded]
    sys.meta_path.insert(0, finder)
    signal.signal(signal.SIGVTALRM, _too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        mutant_checks.run()
    except Exception as error:
        return type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        sys.meta_path.remove(finder)
    return None


def _too_long(*_: object) -> None:
    raise TimeoutError


def _equivalent(mutation: Mutation, source: str) -> bool:
    return any(
        source.startswith(start) and (changes is None or mutation.text in changes)
        for start, changes, _ in EQUIVALENT.get(mutation.file, [])
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="try each Nth mutant only")
    parser.add_argument("--of", default="", help="file.py or file.py:line")
    arguments = parser.parse_args()
    name, _, line = arguments.of.partition(":")

    trees = {file: ast.parse(path.read_text()) for file, path in FILES.items()}
    first = next(iter(FILES))
    if (fault := noticed(FILES[first], trees[first], seconds=60)) is not None:
        print(f"the checks fail without any change: {fault}")
        return 1
    found = [m for file, tree in trees.items() for m in mutations(file, tree)]
    lines = {file: path.read_text().splitlines() for file, path in FILES.items()}
    chosen = [
        m
        for i, m in enumerate(found)
        if i % arguments.every == 0
        and (not name or f"{m.file}.py" == name)
        and (not line or m.line == int(line))
    ]
    start = time.monotonic()
    tried, skipped, survivors = 0, 0, []
    for mutation in chosen:
        source = lines[mutation.file][mutation.line - 1].strip()
        if _equivalent(mutation, source) and not line:
            skipped += 1
            continue
        mutation.swap()
        try:
            how = noticed(FILES[mutation.file], trees[mutation.file])
        finally:
            mutation.swap()
        tried += 1
        if how is None:
            survivors.append(mutation)
            print(
                f"not noticed: {mutation.file}.py:{mutation.line}  {mutation.text}   {source}",
                flush=True,
            )
        elif line:
            print(f"{how}: {mutation.text}")
    seconds = time.monotonic() - start
    print(
        f"{tried} of {len(found)} mutants tried in {seconds:.0f} s, {skipped} equivalent ones left out, "
        f"{len(survivors)} not noticed"
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
