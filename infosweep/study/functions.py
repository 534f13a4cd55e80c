"""Functions of the user's own, `package.module:function`: found beside the study file or installed, and called.

What goes wrong in them is told with the user's own file and line. This is the only place that runs their code.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from infosweep.errors import UsageError
from infosweep.study.faults import did_you_mean, listed

_HERE = Path(__file__).parents[1]
_LOCK = threading.RLock()
# Modules that were imported from a folder beside a study: name -> (file, its mtime and size).
_IMPORTED: dict[str, dict[str, tuple[str, tuple[int, int]]]] = {}


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """A function that a study names.

    Attributes:
        what: `task` or `model`.
        kind: as the study names it.
        file: the file that it stands in.
        function: it.
    """

    what: str
    kind: str
    file: str
    function: Callable[..., Any]

    def __call__(self, *arguments: object) -> Any:
        """Call it; what it prints goes to stderr, as stdout carries data.

        Raises:
            UsageError: it raised an exception, or ended the program.
        """
        with self.blamed(), contextlib.redirect_stdout(sys.stderr):
            return self.function(*arguments)

    @contextlib.contextmanager
    def blamed(self, doing: str = "") -> Iterator[None]:
        """Turn whatever is raised inside into a UsageError that names the user's own file and line."""
        try:
            yield
        except (UsageError, KeyboardInterrupt, GeneratorExit, MemoryError):
            raise
        except BaseException as error:  # SystemExit too: a module may call sys.exit
            raise _raised(error, f"{self.what} {self.kind!r}", self.file, doing, self) from error

    @property
    def line(self) -> str:
        """File and line where the function stands."""
        code = getattr(self.function, "__code__", None)
        return f"{shown_path(self.file)}:{code.co_firstlineno}" if code else shown_path(self.file)

    def fault(self, message: str, mend: str) -> UsageError:
        """Return the error of a function that ran but gave something else than it must."""
        return UsageError(f"{self.what} {self.kind!r}: {message}", f"{mend} ({self.line})")


def find_function(what: str, kind: str, folder: str, arguments: tuple[str, ...]) -> OwnFunction:
    """Return the function that a study names; its module is imported anew where its files have changed.

    Args:
        what: `task` or `model`.
        kind: `package.module:function`.
        folder: searched first; it stays on `sys.path`.
        arguments: names of the arguments that it is going to be called with.

    Raises:
        UsageError: there is no such module or function, or it can't be called so.
    """
    module_name, _, name = kind.partition(":")
    with _LOCK:
        module = _module(what, kind, module_name, folder)
    file = str(getattr(module, "__file__", None) or module_name)
    function = getattr(module, name, None)
    if function is None:
        names = {
            key: value
            for key, value in vars(module).items()
            if callable(value) and not key.startswith("_")
        }
        here = [key for key in names if getattr(names[key], "__module__", "") == module_name]
        raise UsageError(
            f"{shown_path(file)} has no function {name!r}{did_you_mean(name, here or names)}",
            f"it defines {listed(here, 8)}" if here else "define it there",
        )
    if not callable(function):
        raise UsageError(
            f"{name!r} of {shown_path(file)} is a {type(function).__name__}, not a function",
            f"write def {name}({', '.join(arguments)}): and return it from there",
        )
    _check_signature(what, name, file, function, arguments)
    return OwnFunction(what, kind, file, function)


def _check_signature(
    what: str, name: str, file: str, function: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # of a compiled function: calling it will tell
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        wanted = f"({', '.join(arguments)})" if arguments else "no arguments"
        raise UsageError(
            f"{what} function {name!r} of {shown_path(file)} has the arguments {signature}; "
            f"it is called with {wanted}",
            f"write def {name}({', '.join(arguments)}):, further arguments with defaults",
        ) from None


def _module(what: str, kind: str, name: str, folder: str) -> ModuleType:
    _forget_changed(folder)
    top = name.partition(".")[0]
    beside = _beside(top, folder)
    if beside is not None:
        _make_way(top, beside)
    if folder:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    before, no_bytecode = set(sys.modules), sys.dont_write_bytecode
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True  # the folder beside a study is the user's
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(name)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # SystemExit too
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise _not_found(what, kind, str(error.name), folder) from error
        file = str(beside) if beside is not None else ""
        raise _raised(error, f"{what} {kind!r}", file, "while it was imported") from error
    finally:
        sys.dont_write_bytecode = no_bytecode
        _remember(set(sys.modules) - before, folder)


def _beside(top: str, folder: str) -> Path | None:
    """Return the file or package of this name in the folder."""
    if not folder:
        return None
    package, file = Path(folder, top), Path(folder, f"{top}.py")
    if package.is_dir() and any(package.glob("*.py")):
        return package
    return file if file.is_file() else None


def _make_way(top: str, beside: Path) -> None:
    """Forget a module of the same name that was imported from beside another study."""
    loaded = sys.modules.get(top)
    if loaded is None:
        return
    file = getattr(loaded, "__file__", None)
    if file is not None and (Path(file) == beside or beside in Path(file).parents):
        return
    for folder, modules in _IMPORTED.items():
        if modules.get(top, ("",))[0] == file:
            _forget(folder)
            return
    raise UsageError(
        f"{shown_path(beside)} has the name of a module that is loaded already, {top!r}",
        "rename it",
    )


def _remember(names: set[str], folder: str) -> None:
    if not folder:
        return
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and _is_users(file, folder) and (stamp := _stamp(file)):
            _IMPORTED.setdefault(folder, {})[name] = (file, stamp)


def _forget_changed(folder: str) -> None:
    modules = _IMPORTED.get(folder, {})
    if any(_stamp(file) != stamp for file, stamp in modules.values()):
        _forget(folder)


def _forget(folder: str) -> None:
    for name in _IMPORTED.pop(folder, {}):
        sys.modules.pop(name, None)


def _stamp(file: str) -> tuple[int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _is_users(file: str, folder: str) -> bool:
    """Whether a file is the user's own: in the folder, not of an environment there, not ours."""
    path, root = Path(file).absolute(), Path(folder)
    if not path.is_relative_to(root) or path.is_relative_to(_HERE):
        return False
    return "site-packages" not in path.relative_to(root).parts


def _not_found(what: str, kind: str, missing: str, folder: str) -> UsageError:
    parent, _, last = missing.rpartition(".")
    search = list(getattr(sys.modules.get(parent), "__path__", [])) if parent else [folder]
    names = sorted(name for place in search for name in _modules_in(place))
    message = f"there is no module {missing!r} for {what} {kind!r}{did_you_mean(last, names)}"
    holds = f"; {shown_path(folder)} holds {listed(names, 8)}" if names else ""
    beside = f"put {last}.py beside the study file or install it{holds}"
    return UsageError(message, beside if not parent else f"{parent} holds {listed(names, 8)}")


def _modules_in(place: str) -> list[str]:
    try:
        entries = list(Path(place or ".").iterdir())
    except OSError:
        return []
    return [
        path.stem
        for path in entries
        if path.stem.isidentifier()
        and not path.stem.startswith("__")
        and (path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py"))))
    ]


def _raised(
    error: BaseException, whose: str, file: str, doing: str, function: OwnFunction | None = None
) -> UsageError:
    text = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, SyntaxError):
        text = error.msg
    elif isinstance(error, SystemExit):
        text = f"it ended the program with {error.code!r}"
    name = type(error).__name__
    message = f"{whose} raised {name}{f': {text}' if text else ''}{f' {doing}' if doing else ''}"
    where = _where(error, file)
    if where is None and function is not None:
        where = f"{function.line}: what it returned can't be used so"
    return UsageError(message, f"see {where}" if where else "try it in Python by itself")


def _where(error: BaseException, file: str) -> str | None:
    """Return file, line and text of the last frame in the user's own files."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{shown_path(error.filename)}:{error.lineno}: {(error.text or '').strip()}"
    path = Path(file)
    home = str(path if path.is_dir() else path.parent) if file else ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if home and _is_users(frame.filename, home)]
    if not own:
        return None
    last = own[-1]
    inside = "" if last.name == "<module>" else f", in {last.name}"
    return f"{shown_path(last.filename)}:{last.lineno}{inside}: {(last.line or '').strip()}"


def shown_path(path: str | Path) -> str:
    """Return a path as it is shown: from the working directory where it lies below."""
    with contextlib.suppress(ValueError, OSError):
        shown = os.path.relpath(path)
        if not shown.startswith(".."):
            return shown
    return str(path)
