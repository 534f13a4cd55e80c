"""The JSON Schema takes what the reader takes, and refuses what single values can't be."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from infosweep.errors import StudyError
from infosweep.study import dump_yaml, json_schema, load_study, study_from_mapping

SHIPPED = sorted(Path(__file__).parents[2].glob("sweeps/*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
BASE = {"name": "tiny", "task": {"kind": "binary12"}, "axes": {"depth": [1, 2]}}


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_studies_are_valid(path):
    VALIDATOR.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    VALIDATOR.validate(yaml.safe_load(dump_yaml(load_study(path))))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {
            "axes": {
                "depth": {"range": [1, 5]},
                "train_size": [0.04, 100],
                "batch_size": ["full", 1],
            }
        },
        {
            "axes": {
                "training.learning_rate": [0.1],
                "model.widths": ["prefix"],
                "task.kind": ["digits"],
            }
        },
        {
            "task": {"kind": "mnist1d"},
            "model": {"dropout": 0},
            "training": {"schedule": {"kind": "constant"}},
        },
        {"training": {"steps": 100}, "seeds": [1, 2], "record": {"layers": [1, 2], "measures": []}},
        {"estimators": [{"kind": "bins", "range": "per-layer"}, {"width": 0.1}, {"edges": [0, 1]}]},
        {
            "findings": ["overcompression"],
            "tuned": [],
            "resources": {"gpus": 0.5, "pack": 10},
            "retries": 0,
        },
        {
            "zip": [["depth", "label_noise"]],
            "axes": {"depth": [1, 1], "label_noise": [0, 1]},
            "where": ["depth == 1"],
        },
    ],
)
def test_schema_and_reader_take_the_same(more):
    VALIDATOR.validate({**BASE, **more})
    study_from_mapping({**BASE, **more})


@pytest.mark.parametrize(
    "more",
    [
        {"name": "Data"},
        {"estimatos": []},
        {"task": {"kind": "cifar10"}},
        {"task": {"holdout": 0.1}},
        {"task": {"kind": "mnist1d", "holdout": 0.1}},
        {"model": {"activation": "rleu"}},
        {"model": {"hidden": []}},
        {"model": {"dropout": 0.5}},
        {"training": {"learning_rate": 0}},
        {"training": {"epochs": 3, "steps": 4}},
        {"axes": {}},
        {"axes": {"depth": []}},
        {"axes": {"depth": 3}},
        {"axes": {"depth": {"range": [1]}}},
        {"axes": {"label_noise": [1.5]}},
        {"axes": {"train_size": [1.5]}},
        {"axes": {"batch_size": ["ful"]}},
        {"axes": {"learning_rate": [0.1]}},
        {"axes": {"model.activation": {"range": [1, 2]}}},
        {"seeds": 0},
        {"seeds": [1, 1]},
        {"estimators": []},
        {"estimators": [{"kind": "kde"}]},
        {"estimators": [{"bins": 3, "edges": [0]}]},
        {"estimators": [{"width": 1, "range": [0, 1]}]},
        {"findings": ["phases"]},
        {"tuned": ["training.learning_rate"]},
        {"zip": [["depth"]]},
        {"where": "depth == 1"},
        {"infosweep": 2},
        {"limits": {"trials": 0}},
    ],
)
def test_schema_and_reader_refuse_the_same(more):
    assert not VALIDATOR.is_valid({**BASE, **more})
    with pytest.raises(StudyError):
        study_from_mapping({**BASE, **more})


def walk(schema):
    for name, each in schema.get("properties", {}).items():
        yield name, each
        yield from walk(each)


def test_every_setting_says_what_it_means():
    silent = [
        name
        for name, each in walk(json_schema())
        if not each.get("description") and name != "range"
    ]
    assert silent == []
