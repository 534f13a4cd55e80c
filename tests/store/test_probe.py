"""A place is tried for what commits stand on, and is left as it was."""

from __future__ import annotations

import pytest

from infosweep.errors import StoreError
from infosweep.store import open_store, probe
from infosweep.store.objects import Objects


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_store_that_is_there_is_tried_and_left_as_it_was(tmp_path):
    open_store(tmp_path / "a store é", create=True).study("demo").save_study("name: demo\n")
    before = everything(tmp_path)
    found = probe.probe(tmp_path / "a store é")
    assert found.exists
    assert found.where == str(tmp_path / "a store é")
    assert 0 < found.write_seconds < 60
    assert abs(found.skew_seconds) < 5
    assert found.free_bytes == pytest.approx(probe.free_bytes(tmp_path), rel=0.1)
    assert everything(tmp_path) == before


def test_a_store_that_is_not_there_is_tried_above_and_not_made(tmp_path):
    found = probe.probe(tmp_path / "new" / "results")
    assert (found.where, found.exists) == (str(tmp_path), False)
    assert everything(tmp_path) == []


def test_a_store_without_folders_is_tried_and_left_as_it_was(tmp_path):
    url = f"memory://{tmp_path}"
    store = open_store(url, create=True)
    store.objects.put("demo/_meta/study.yaml", b"name: demo\n")
    found = probe.probe(url)
    assert (found.exists, found.free_bytes) == (True, None)
    assert [entry.path for entry in store.objects.entries("")] == ["demo/_meta/study.yaml"]


def test_a_file_is_no_place(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in ("file", "file/below"):
        with pytest.raises(StoreError, match="is not a store: it is a file"):
            probe.probe(tmp_path / path)


@pytest.mark.parametrize(
    ("method", "broken", "told"),
    [
        ("create", lambda *_: True, "8 of 8 writers could create one name"),
        ("create", lambda *_: False, "0 of 8 writers could create one name"),
        ("rename", lambda *_: True, "cannot rename over an older object"),
        ("get", lambda *_: b"else", "does not give back what was written"),
    ],
)
def test_a_place_that_breaks_its_promises_is_refused(tmp_path, monkeypatch, method, broken, told):
    monkeypatch.setattr(Objects, method, broken)
    with pytest.raises(StoreError, match=told):
        probe.probe(tmp_path)
    assert everything(tmp_path) == []
