"""A study written out reads back as itself, to infosweep and to readers of YAML 1.1."""

# ruff: noqa: E501 - tables are read by the row

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from infosweep.study import dump_yaml, load_study, study_from_mapping, study_to_mapping
from infosweep.study.faults import Source
from infosweep.study.load import load_text

SHIPPED = sorted(Path(__file__).parents[2].glob("sweeps/*.yaml"))


def back(study):
    return load_text(dump_yaml(study), Source("study.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_study_reads_back(path):
    study = load_study(path)
    assert back(study) == study
    assert study_from_mapping(yaml.safe_load(dump_yaml(study))) == study
    assert study_from_mapping(study_to_mapping(study)) == study


_FRACTIONS = st.floats(2e-3, 0.8, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {"name": st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True), "axes": st.just({})},
        optional={
            "task": st.sampled_from([{"kind": "binary12", "holdout": 0.1}, {"kind": "mnist1d"}]),
            "training": st.sampled_from([{"steps": 5}, {"learning_rate": 1e-5}, {"optimizer": "momentum", "momentum": 0.5}]),
            "seeds": st.one_of(st.integers(1, 4), st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4, unique=True)),
            "estimators": st.sampled_from([[{"width": 1e-7}], [{"edges": [-1e-9, 1e22]}, {}], [{"quantiles": 4}]]),
            "record": st.sampled_from([{"layers": [1, 2]}, {"samples": ["train"]}, {"spacing": "linear"}]),
            "where": st.just(["depth == 1 or label_noise != 0.5"]),
            "findings": st.sampled_from([[], ["depth_benefit"]]),
        },
    ),
    st.fixed_dictionaries(
        {"depth": st.just([1, 2])},
        optional={
            "train_size": st.lists(_FRACTIONS, min_size=1, max_size=3, unique=True),
            "batch_size": st.just([1, "full"]),
            "training.weight_decay": st.lists(st.floats(0, 1), min_size=1, max_size=3, unique=True),
            "model.activation": st.just(["relu", "softplus"]),
        },
    ),
)  # fmt: skip
def test_any_study_reads_back(data, axes):
    study = study_from_mapping({"task": {"kind": "digits"}, **data, "axes": axes})
    assert back(study) == study
    assert study_from_mapping(yaml.safe_load(dump_yaml(study))) == study
    assert study_from_mapping(study_to_mapping(study)) == study


def test_a_changed_study_draws_its_defaults_anew():
    study = study_from_mapping(
        {"name": "a", "task": {"kind": "digits"}, "axes": {"label_noise": [0, 1]}}
    )
    data = study_to_mapping(study)
    changed = study_from_mapping({**data, "model": {"hidden": [4, 4]}, "task": {"kind": "mnist1d"}})
    assert changed.axes["depth"] == (2,)
    assert changed.axes["train_size"] == (1.0,)


def test_names_that_yaml_would_take_for_something_else_are_quoted():
    for name in ("no", "1e5", "010", "null", "-", "1-2"):
        study = study_from_mapping(
            {"name": name, "task": {"kind": "digits"}, "axes": {"depth": [1]}}
        )
        assert back(study).name == name
        assert yaml.safe_load(dump_yaml(study))["name"] == name
