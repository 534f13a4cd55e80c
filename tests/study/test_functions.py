"""Functions of the user's own: found, called, and blamed with their own file and line."""

from __future__ import annotations

import os
import sys

import pytest

from infosweep.errors import UsageError
from infosweep.study.functions import find_function


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder beside a study; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder, name, text):
    (folder / name).write_text(text)


def error_of(folder, kind, *arguments):
    """What is told of a function, found and called."""
    with pytest.raises(UsageError) as caught:
        find_function("task", kind, str(folder), ())(*arguments)
    return caught.value


def test_a_function_beside_the_study_is_found_with_what_it_imports(folder):
    write(folder, "mine.py", "import mine_helper\ndef make():\n    return mine_helper.NUMBER\n")
    write(folder, "mine_helper.py", "NUMBER = 7\n")
    assert find_function("task", "mine:make", str(folder), ())() == 7
    assert not (folder / "__pycache__").exists()


def test_a_function_in_a_package_and_an_installed_one_are_found(folder):
    (folder / "pack").mkdir()
    write(folder, "pack/inner.py", "def make():\n    return 8\n")
    assert find_function("task", "pack.inner:make", str(folder), ())() == 8
    assert find_function("task", "os:getcwd", str(folder), ())() == str(folder)


def test_what_a_function_prints_does_not_reach_stdout(folder, capsys):
    write(folder, "mine.py", "print('imported')\ndef make():\n    print('called')\n")
    find_function("task", "mine:make", str(folder), ())()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.split() == ["imported", "called"]


def test_studies_in_two_folders_may_have_modules_of_one_name(folder):
    for name, number in (("a", 1), ("b", 2)):
        (folder / name).mkdir()
        write(
            folder,
            f"{name}/mine.py",
            f"from mine_part import N\ndef make():\n    return N + {number}\n",
        )
        write(folder, f"{name}/mine_part.py", f"N = {10 * number}\n")
    for name, value in (("a", 11), ("b", 22), ("a", 11)):
        assert find_function("task", "mine:make", str(folder / name), ())() == value


@pytest.mark.parametrize("changed", ["mine.py", "mine_part.py"])
def test_a_changed_file_is_imported_anew(folder, changed):
    write(folder, "mine.py", "from mine_part import N\ndef make():\n    return (1, N)\n")
    write(folder, "mine_part.py", "N = 1\n")
    first = find_function("task", "mine:make", str(folder), ())
    assert find_function("task", "mine:make", str(folder), ()).function is first.function
    path = folder / changed
    path.write_text(path.read_text().replace("1", "2"))
    os.utime(path, ns=(1, 1))
    second = find_function("task", "mine:make", str(folder), ())()
    assert second == {"mine.py": (2, 1), "mine_part.py": (1, 2)}[changed]


MINE = "import math\nDATA = {}\ndef make():\n    return 1\ndef needs(n, *, m):\n    return n\n"

NOT_FOUND = [
    ("mien:make", "there is no module 'mien' for task 'mien:make'; did you mean 'mine'?",
     "put mien.py beside the study file or install it; . holds mine, pack"),
    ("qwxyz:make", "there is no module 'qwxyz' for task 'qwxyz:make'",
     "put qwxyz.py beside the study file or install it; . holds mine, pack"),
    ("pack.iner:make", "there is no module 'pack.iner' for task 'pack.iner:make'; did you mean 'inner'?",
     "pack holds inner"),
    ("mine.inner:make", "there is no module 'mine.inner' for task 'mine.inner:make'", None),
    ("mine:mkae", "mine.py has no function 'mkae'; did you mean 'make'?", "it defines make, needs"),
    ("mine:DATA", "'DATA' of mine.py is a dict, not a function", "write def DATA(): and return it from there"),
    ("mine:needs", "task function 'needs' of mine.py has the arguments (n, *, m); it is called with no arguments",
     "write def needs():, further arguments with defaults"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message", "mend"), NOT_FOUND, ids=[row[0] for row in NOT_FOUND])
def test_what_is_not_there_is_told_with_the_nearest_name(folder, kind, message, mend):
    write(folder, "mine.py", MINE)
    (folder / "pack").mkdir()
    write(folder, "pack/inner.py", "")
    error = error_of(folder, kind)
    assert error.message == message
    assert mend is None or error.mend == mend


def test_a_file_with_the_name_of_a_loaded_module_is_refused(folder):
    write(folder, "pytest.py", "def make():\n    return 1\n")
    error = error_of(folder, "pytest:make")
    assert error.message == "pytest.py has the name of a module that is loaded already, 'pytest'"
    assert error.mend == "rename it"


RAISING = [
    ("def make():\n    return 1 / 0\n", "raised ZeroDivisionError: division by zero",
     "see mine.py:2, in make: return 1 / 0"),
    ("def inner(x):\n    return x['a']\ndef make():\n    return inner({})\n", "raised KeyError: 'a'",
     "see mine.py:2, in inner: return x['a']"),
    ("import json\ndef make():\n    return json.loads('{')\n",
     "raised JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
     "see mine.py:3, in make: return json.loads('{')"),
    ("import qwxyz\n", "raised ModuleNotFoundError: No module named 'qwxyz' while it was imported",
     "see mine.py:1: import qwxyz"),
    ("x = 1\ndef make(:\n", "raised SyntaxError: invalid syntax while it was imported", "see mine.py:2: def make(:"),
    ("def make():\nreturn 1\n",
     "raised IndentationError: expected an indented block after function definition on line 1 while it was imported",
     "see mine.py:2: return 1"),
    ("def make():\n    raise ValueError('first\\nsecond')\n", "raised ValueError: first",
     "see mine.py:2, in make: raise ValueError('first\\nsecond')"),
    ("def make():\n    raise NotImplementedError\n", "raised NotImplementedError",
     "see mine.py:2, in make: raise NotImplementedError"),
    ("import sys\nsys.exit(3)\n", "raised SystemExit: it ended the program with 3 while it was imported",
     "see mine.py:2: sys.exit(3)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message", "mend"), RAISING, ids=[r[1][:40] + str(i) for i, r in enumerate(RAISING)]
)
def test_what_a_function_raises_is_told_with_its_own_file_and_line(folder, text, message, mend):
    write(folder, "mine.py", text)
    error = error_of(folder, "mine:make")
    assert error.message == f"task 'mine:make' {message}"
    assert error.mend == mend
    assert error.__cause__ is not None  # for --debug


def test_an_interrupt_is_no_fault_of_the_function(folder):
    write(folder, "mine.py", "def make():\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        find_function("task", "mine:make", str(folder), ())()
