"""What every figure keeps to: units on axes, seeds and intervals stated, one file the same each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from infosweep.aggregation import finding
from infosweep.aggregation.frames import Frames
from infosweep.errors import UsageError
from infosweep.figures import FIGURES, FORMATS, figure, figures_for, save
from infosweep.figures.style import ONE_COLUMN, TWO_COLUMNS
from infosweep.study.settings import BinsSettings, StudySettings

AXES = {
    "train_size": (0.04, 0.16, 0.85),
    "batch_size": (64, 512),
    "depth": (1, 3),
    "label_noise": (0.0, 0.2, 1.0),
}


@pytest.fixture(scope="module")
def study(synthetic: ModuleType) -> StudySettings:
    return synthetic.make_study(**AXES, seeds=6, checkpoints=12)


@pytest.fixture(scope="module")
def frames(synthetic: ModuleType, study: StudySettings) -> Frames:
    return synthetic.World(layers="all", diverged=lambda t: t.seed == 3 and t.depth == 3).frames(
        study
    )


@pytest.fixture(scope="module", params=list(FIGURES))
def drawn(request: pytest.FixtureRequest, frames: Frames, study: StudySettings) -> Figure:
    return figure(request.param, frames, study)


def _texts(drawn: Figure) -> list[str]:
    return [text.get_text() for text in drawn.findobj(Text) if text.get_text()]


def test_axes_are_named(drawn: Figure):
    shown = [ax for ax in drawn.axes if ax.axison]
    assert any(ax.get_xlabel() for ax in shown)
    assert any(ax.get_ylabel() for ax in shown)
    for label in (label for ax in shown for label in (ax.get_xlabel(), ax.get_ylabel())):
        assert ("nformation" not in label and "$I(" not in label) or "(bits)" in label
        assert "entropy" not in label or "(nats)" in label


def test_seeds_intervals_and_what_is_left_out_are_stated(drawn: Figure):
    text = " ".join(_texts(drawn)).replace("\n", " ")
    assert "seeds" in text
    assert "95 % t interval" in text or "single seeds" in text
    assert "cells shown" in text


def test_text_is_readable_at_column_width(drawn: Figure):
    assert drawn.get_figwidth() <= TWO_COLUMNS + 0.01
    assert drawn.get_figwidth() >= ONE_COLUMN
    assert min(text.get_fontsize() for text in drawn.findobj(Text) if text.get_text()) >= 7


def test_text_stays_inside_and_titles_apart(drawn: Figure):
    drawn.draw_without_rendering()
    page = drawn.bbox
    titles = []
    for ax in drawn.axes:
        box = ax.title.get_window_extent()
        if ax.title.get_text():
            titles.append(box)
            assert box.x0 >= page.x0 - 2
            assert box.x1 <= page.x1 + 2
    for i, one in enumerate(titles):
        assert not any(one.overlaps(other) for other in titles[i + 1 :])


def test_a_figure_leaves_matplotlib_as_it_was(frames: Frames, study: StudySettings):
    before = dict(mpl.rcParams)
    figure("curves", frames, study)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_figure_gives_the_same_bytes(
    frames: Frames, study: StudySettings, tmp_path: Path, file_format: str
):
    one = save(figure("information_plane", frames, study), tmp_path / "one", [file_format])
    two = save(figure("information_plane", frames, study), tmp_path / "deep" / "two", [file_format])
    assert one == [tmp_path / f"one.{file_format}"]
    assert one[0].read_bytes() == two[0].read_bytes()
    assert len(one[0].read_bytes()) > 5000


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    "case", ["empty", "one seed", "all diverged", "one cell", "digits", "one network of ten"]
)
def test_little_data_is_drawn_or_told(synthetic: ModuleType, tmp_path: Path, name: str, case: str):
    options: dict[str, object] = {"layers": "all"}
    axes: dict[str, object] = {
        "train_size": (0.04, 0.85),
        "depth": (1, 2),
        "checkpoints": 9,
        "seeds": 3,
    }
    if case == "one seed":
        axes["seeds"] = 1
    if case == "one cell":
        axes |= {"train_size": (0.85,), "depth": (2,), "label_noise": (0.0,)}
    if case == "digits":
        axes |= {"digits": True, "train_size": (100, 1000)}
    if case == "all diverged":
        options["diverged"] = lambda _: True
    if case == "one network of ten":
        options["missing"] = lambda trial: (
            trial.seed > 0 or trial.depth > 1 or trial.label_noise > 0
        )
    study = synthetic.make_study(**axes)
    nothing = Frames(pd.DataFrame(), pd.DataFrame())
    frames = nothing if case == "empty" else synthetic.World(**options).frames(study)
    drawn = figure(name, frames, study)
    assert save(drawn, tmp_path / name)[0].stat().st_size > 1000
    if case in ("empty", "all diverged"):
        assert not drawn.axes
        assert "No " in _texts(drawn)[0] or "nothing" in _texts(drawn)[0]


def test_means_and_intervals_are_those_of_the_table(frames: Frames, study: StudySettings):
    ax = figure("label_noise", frames, study).axes[0]
    curves = frames.curves
    cell = curves[
        (curves["train_size"] == 0.04)
        & (curves["batch_size"] == 64)
        & (curves["depth"] == 3)
        & (curves["split"] == "test")
    ]
    last = cell[(cell["step"] >= 0.8 * cell["step"].max()) & (cell["seed"] != 3)]
    expected = (
        last.groupby(["label_noise", "seed"])["accuracy_true"].mean().groupby("label_noise").mean()
    )
    series = {line.get_label(): line for line in ax.get_lines()}
    test = next(
        container for container in ax.containers if container.get_label() == "test, true labels"
    )
    assert test[0].get_xdata().tolist() == [0.0, 0.2, 1.0]
    assert test[0].get_ydata() == pytest.approx(expected.to_numpy())
    assert series["chance"].get_ydata()[0] == 0.5


def test_every_column_of_curves_lies_in_its_panel(synthetic: ModuleType):
    study = synthetic.make_study(train_size=(0.04, 0.36, 0.85), seeds=6, checkpoints=12)
    frames = synthetic.World(splits=("train", "validation", "test")).frames(study)
    little = (frames.curves["train_size"] == 0.85) & (frames.curves["split"] == "test")
    frames.curves.loc[little, "loss"] *= 5.0
    drawn = figure("curves", frames, study)
    for ax in drawn.axes:
        low, high = ax.get_ylim()
        for line in ax.get_lines():
            assert max(line.get_ydata()) <= high
            assert min(line.get_ydata()) >= low
        assert len(ax.collections) == 3
        for shade in ax.collections:
            assert shade.get_paths()[0].vertices[:, 1].max() <= high
    assert drawn.axes[0].get_ylim()[0] == 0
    assert "given labels on train and validation" in " ".join(_texts(drawn)).replace("\n", " ")


def test_no_line_runs_through_a_legend(drawn: Figure):
    drawn.draw_without_rendering()
    for ax in drawn.axes:
        if (legend := ax.get_legend()) is None:
            continue
        box = legend.get_window_extent()
        for line in ax.get_lines():
            points = line.get_transform().transform(line.get_xydata())
            inside = (points[:, 0] >= box.x0) & (points[:, 0] <= box.x1)
            inside &= (points[:, 1] >= box.y0) & (points[:, 1] <= box.y1)
            assert not inside.any()
            flat = len(points) == 2 and points[0, 1] == points[1, 1]
            assert not (flat and box.y0 <= points[0, 1] <= box.y1)


def _ends(ax: Axes) -> dict[tuple[float, float], bool]:
    """Return where the markers of layers' ends lie, and whether each is grey."""
    ends = {}
    for shade in ax.collections:
        if isinstance(shade, PathCollection) and shade.get_sizes().tolist() == [26]:
            colour = shade.get_facecolor()[0][:3].tolist()
            ends[tuple(shade.get_offsets()[0].tolist())] = colour != [1.0, 1.0, 1.0]
    return ends


def test_saturation_is_marked_in_each_panel_at_its_end(synthetic: ModuleType):
    study = synthetic.make_study(train_size=(0.85,), label_noise=(0.0,), depth=(2, 5), seeds=6)
    frames = synthetic.World(layers="all").frames(study)
    rows = frames.information
    # Deep: layer 3 saturates at the last checkpoint alone. Shallow: layer 1 does so until before it.
    last = rows["step"] == rows["step"].max()
    rows.loc[(rows["depth"] == 5), "saturated"] = (rows["layer"] == 3) & last
    rows.loc[(rows["depth"] == 2), "saturated"] = (rows["layer"] == 1) & ~last
    drawn = figure("information_plane", frames, study)
    shallow, deep = (_ends(ax) for ax in drawn.axes[:2])
    assert list(shallow.values()) == [False] * 3
    assert list(deep.values()) == [False, False, True, False, False, False]
    paths = [
        [c.get_paths()[0].vertices.tolist() for c in ax.collections if len(c.get_offsets()) == 1][
            -1
        ]
        for ax in drawn.axes[:2]
    ]
    assert paths[0] == paths[1]  # the softmax, the last of three layers and of six


def test_layers_that_hide_each_other_are_named(synthetic: ModuleType):
    study = synthetic.make_study(train_size=(0.85,), label_noise=(0.0,), seeds=6)
    frames = synthetic.World(layers="all").frames(study)
    rows = frames.information
    rows.loc[rows["layer"] <= 3, "i_xt"] = 12.0
    rows.loc[rows["layer"] <= 3, "i_ty"] = synthetic.H_Y
    assert "layers 1\N{EN DASH}3" in _texts(figure("information_plane", frames, study))


def test_bins_are_called_as_they_are(synthetic: ModuleType):
    for estimators, title in (
        ((BinsSettings(quantiles=6),), "Softmax, bins(quantiles=6), minus its null"),
        ((BinsSettings(quantiles=6), BinsSettings()), "Softmax, 30 fixed bins, minus its null"),
    ):
        study = synthetic.make_study().model_copy(update={"estimators": estimators})
        drawn = figure("overcompression", synthetic.World().frames(study), study)
        assert title in _texts(drawn)
        assert drawn.axes[1].containers


def test_no_point_lies_under_another(frames: Frames, study: StudySettings):
    for ax in figure("overcompression", frames, study).axes:
        x = np.concatenate([container[0].get_xdata() for container in ax.containers])
        assert len(x) == 12
        assert np.unique(x).size == x.size


def test_depth_shows_both_targets(frames: Frames, study: StudySettings):
    drawn = figure("depth_benefit", frames, study)
    labels = [ax.get_ylabel().replace("\n", " ") for ax in drawn.axes]
    assert labels[0] == "Epochs to 0.9 $H(Y)$"
    assert "Epochs to test accuracy 0.95" in labels
    table = finding("depth_benefit", frames, study)
    cells = table[(table["train_size"] == 0.85) & (table["label_noise"] == 0)]
    accuracy = drawn.axes[labels.index("Epochs to test accuracy 0.95")]
    drawn_means = np.concatenate([c[0].get_ydata() for c in accuracy.containers])
    assert sorted(drawn_means) == pytest.approx(sorted(cells["epochs_to_accuracy"].dropna()))


def test_batch_sizes_are_compared_on_a_scale_of_their_own(frames: Frames, study: StudySettings):
    drawn = figure("batch_size", frames, study)
    assert len(drawn.axes) == 6
    tops = {ax.get_ylim() for ax in drawn.axes[:3]}
    assert len(tops) == 3
    assert [ax.get_title() for ax in drawn.axes[:3]] == [
        "train size 0.04",
        "train size 0.16",
        "train size 0.85",
    ]


def test_the_plane_marks_what_saturates(synthetic: ModuleType):
    study = synthetic.make_study(train_size=(0.85,), label_noise=(0.0,), seeds=6, checkpoints=12)
    drawn = figure("information_plane", synthetic.World(layers="all").frames(study), study)
    texts = _texts(drawn)
    assert {"layer 1", "layer 5", "softmax", "saturated at the end"} <= set(texts)
    assert "layer 6" not in texts
    ax = drawn.axes[0]
    lines = {
        tuple(np.unique(line.get_ydata()))
        for line in ax.get_lines()
        if line.get_linestyle() == "--"
    }
    assert (synthetic.H_Y,) in lines
    assert ax.get_xlim()[1] >= 12


def test_figures_suit_the_axes(synthetic: ModuleType):
    assert figures_for(synthetic.make_study(**AXES)) == list(FIGURES)
    plain = synthetic.make_study(train_size=(0.85,), label_noise=(0.0,))
    assert figures_for(plain) == ["information_plane", "curves"]
    assert "batch_size" in figures_for(synthetic.make_study(batch_size=(64, "full")))


def test_unknown_names_are_refused(frames: Frames, study: StudySettings, tmp_path: Path):
    with pytest.raises(UsageError, match=r"no figure 'plane'.*\n.*information_plane"):
        figure("plane", frames, study)
    with pytest.raises(UsageError, match=r"no figure format 'gif'.*\n.*png, svg, pdf"):
        save(Figure(), tmp_path / "x", ["png", "gif"])
    assert not list(tmp_path.iterdir())


def test_naming_figures_loads_no_matplotlib():
    code = "import sys, infosweep.figures as f; assert f.FIGURES; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_drawing_loads_no_pyplot():
    code = "import sys, importlib, infosweep.figures as f\nfor m in f.FIGURES.values(): importlib.import_module(m)\n"
    subprocess.run(
        [sys.executable, "-c", code + "assert 'matplotlib.pyplot' not in sys.modules"], check=True
    )
