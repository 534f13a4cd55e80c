from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from infosweep.plan import make_plan
from infosweep.study.settings import StudySettings
from infosweep.sweep.progress import PackProgress, Progress

Tiny = Callable[..., StudySettings]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(tiny: Tiny, clock: Clock) -> Progress:
    """Of four packs of three trials each."""
    packs = make_plan(tiny(resources={"pack": 3})).packs
    assert len(packs) == 4
    return Progress(packs, show="nothing", clock=clock)


def test_counts_add_up_over_packs(progress: Progress):
    first, second, *_ = progress._work
    progress.take(PackProgress(first, 2, 1, 1.0))
    progress.take(PackProgress(second, 1, 0, 0.4))
    assert (progress.trials, progress.done, progress.failed) == (12, 3, 1)


def test_a_pack_that_is_tried_again_starts_from_nothing(progress: Progress):
    first = next(iter(progress._work))
    progress.take(PackProgress(first, 2, 0, 0.9))
    progress.take(PackProgress(first, 0, 0, 0.1))
    assert progress.done == 0
    assert progress.share < 0.1


def test_time_left_follows_the_work_done(progress: Progress, clock: Clock):
    progress.begin()
    clock.now += 30
    half = list(progress._work)
    work = progress._work
    done = 0.0
    for pack_id in half[:2]:
        progress.take(PackProgress(pack_id, 3, 0, 1.0))
        done += work[pack_id]
    expected = 30 * (sum(work.values()) - done) / done
    assert progress.left == pytest.approx(expected)
    assert progress.rate == pytest.approx(6 / 30)


def test_before_the_first_trial_has_finished_no_time_is_told(progress: Progress, clock: Clock):
    assert progress.left is None
    progress.take(PackProgress(next(iter(progress._work)), 0, 0, 0.3))
    clock.now += 10
    assert progress.left is None
    assert re.fullmatch(r"\S+Z 0/12 done", progress.line())
    progress.take(PackProgress(next(iter(progress._work)), 1, 0, 0.4))
    assert progress.left is not None
    assert progress.left > 0


def test_time_is_counted_from_the_first_worker(progress: Progress, clock: Clock):
    clock.now += 50  # Ray starts
    progress.begin()
    clock.now += 4
    progress.begin()
    assert progress.elapsed == 4


def test_a_line_looks_as_promised(progress: Progress, clock: Clock):
    first, second, *_ = progress._work
    progress.take(PackProgress(first, 3, 0, 1.0))
    clock.now += 3600
    progress.take(PackProgress(second, 1, 2, 1.0))
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 4/12 done 2 failed eta \d+[hm]\d\d[ms]"
    assert re.fullmatch(pattern, progress.line())


def test_without_a_terminal_lines_go_to_stderr(tiny: Tiny, capsys: pytest.CaptureFixture[str]):
    packs = make_plan(tiny()).packs
    with Progress(packs) as progress:
        progress.say("a word")
        for pack in packs:
            progress.take(PackProgress(pack.pack_id, len(pack.trials), 0, 1.0))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "a word"
    assert re.fullmatch(r"\S+Z 12/12 done eta 0.0s", err.splitlines()[-1])


@pytest.mark.parametrize("no_color", [False, True])
def test_in_a_terminal_there_is_a_bar(
    tiny: Tiny,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    no_color: bool,
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    packs = make_plan(tiny()).packs
    with Progress(packs, show="terminal") as progress:
        progress.say("a word")
        progress.take(PackProgress(packs[0].pack_id, 5, 1, 1.0))
    out, err = capsys.readouterr()
    assert out == ""
    assert "starting" in err
    assert "a word" in err
    assert "5/12 trials, 1 failed" in err
    assert ("\x1b[38" in err) != no_color


def test_nobody_listening_does_not_stop_a_run(tiny: Tiny, monkeypatch: pytest.MonkeyPatch):
    class Closed:
        def write(self, _: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    packs = make_plan(tiny()).packs
    with Progress(packs, show="lines") as progress:
        progress.say("nobody hears this")
        progress.take(PackProgress(packs[0].pack_id, 1, 0, 0.5))
    assert progress.done == 1
