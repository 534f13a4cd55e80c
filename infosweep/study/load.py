"""From a file, a mapping and `--set` options to a study, with every fault at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infosweep.errors import NotFoundError, StudyError
from infosweep.study.faults import Place, Report, Source, listed, nearest
from infosweep.study.nodes import Node, from_python
from infosweep.study.overrides import apply_overrides
from infosweep.study.reader import read_study
from infosweep.study.settings import StudySettings

if TYPE_CHECKING:
    from infosweep.study.own import Look

_MOST_BYTES = 1_000_000


def load_study(
    path: str | Path, overrides: Sequence[str] = (), look: Look | None = None
) -> StudySettings:
    """Return the study of a YAML file.

    Args:
        path: the file.
        overrides: as `--set` takes them, `seeds=4` or `axes.depth=[1, 2]`; later ones win.
        look: looks at tasks and networks of the user's own; without it they are refused.

    Raises:
        StudyError: something is wrong; the message lists every fault with position and mend.
        NotFoundError: there is no such file.
        LimitError: it asks for more than can be built.
    """
    report = Report()
    source = Source(str(path))
    text = _read(Path(path), source, report)
    return load_text(text, source, report, overrides, look)


def load_text(
    text: str,
    source: Source,
    report: Report | None = None,
    overrides: Sequence[str] = (),
    look: Look | None = None,
) -> StudySettings:
    """Return the study of a YAML text; faults are placed in `source`."""
    from infosweep.study.yamltext import parse

    report = report or Report()
    text = _one_newline(text)
    source.lines = text.split("\n")
    parsed = parse(text, source, report)
    root, spoilt = apply_overrides(parsed.root, overrides, report, Place(source))
    return _finish(root, report, Place(source), partial=parsed.broken or spoilt, look=look)


def study_from_mapping(
    data: Mapping[str, Any], source: str = "<study>", look: Look | None = None
) -> StudySettings:
    """Return the study of a mapping that is laid out as a study file is.

    >>> study_from_mapping({"name": "tiny", "task": {"kind": "digits"}, "axes": {"depth": [1, 2]}}).findings
    ('depth_benefit',)

    Raises:
        StudyError: something is wrong; faults are named by their dotted path.
        LimitError: it asks for more than can be built.
    """
    report, named = Report(), Source(source)
    root: Node = from_python(dict(data), named)
    return _finish(root, report, Place(named), partial=False, look=look)


def _finish(
    root: Node | None, report: Report, start: Place, *, partial: bool, look: Look | None
) -> StudySettings:
    study = read_study(root, report, start, partial=partial, look=look)
    if study is None or report.faults:
        report.fail()
    return study


def _one_newline(text: str) -> str:
    """Take every line end that YAML or an editor knows to one, so that lines count alike everywhere."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[\x85\u2028\u2029]", " ", text)


def _read(path: Path, source: Source, report: Report) -> str:
    """Return the text of a file, faults of its encoding noted; raise where there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {str(path)!r}", _other_file(path)) from None
    except IsADirectoryError:
        raise StudyError(f"{str(path)!r} is a folder", _files_in(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StudyError(
            f"{str(path)!r} can't be read: {reason}", "check the path and its permissions"
        ) from None
    if len(data) > _MOST_BYTES:
        raise StudyError(
            f"{str(path)!r} is larger than 1 MB, and no study",
            "a study is a few dozen lines of YAML",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        wide = data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00"))
        name = "UTF-32" if wide else "UTF-16"
        report.add(Place(source), f"the file is in {name}", "save it as UTF-8")
        report.fail()
    if b"\0" in data:
        report.add(
            Place(source), "the file is binary, and no study", "a study is a text file in YAML"
        )
        report.fail()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = _one_newline(data[: error.start].decode("utf-8-sig", "replace")).split("\n")
        message = f"the file is not UTF-8: byte 0x{data[error.start]:02x}"
        report.add(Place(source, len(before) - 1, len(before[-1])), message, "save it as UTF-8")
        if len(re.findall(rb"[\x01-\x08\x0e-\x1f]", data)) > 3:
            source.lines = []
            report.fail()
        return data.decode("cp1252", "replace")


def _other_file(path: Path) -> str:
    try:
        names = [other.name for other in path.parent.iterdir() if other.suffix in (".yaml", ".yml")]
    except OSError:
        return "check the path"
    by_stem = {Path(name).stem: name for name in sorted(names)}
    found = nearest(path.stem, by_stem)
    if found is not None:
        return f"did you mean {str(path.parent / by_stem[found])!r}?"
    holds = f"; {str(path.parent)!r} holds {listed(sorted(names), 5)}" if names else ""
    return f"check the path{holds}"


def _files_in(path: Path) -> str:
    names = sorted(str(other) for other in path.iterdir() if other.suffix in (".yaml", ".yml"))
    return f"name a file, as {names[0]}" if names else "name a YAML file"
