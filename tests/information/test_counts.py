"""Counting codes and plug-in mutual information, against numpy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from infosweep.errors import UsageError
from infosweep.information import mutual_information
from infosweep.information.counts import nlogn_table, number_codes, table_bits

PAIRS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        *(st.lists(st.integers(-3, 5), min_size=n, max_size=n) for _ in range(2)),
    )
)


@given(PAIRS)
def test_equals_scikit_learn_and_keeps_the_laws(pair):
    a, b = (np.array(x) for x in pair)
    value = mutual_information(a, b)
    assert value == pytest.approx(mutual_info_score(a, b) / np.log(2), abs=1e-12)
    assert value == pytest.approx(mutual_information(b, a), abs=1e-12)
    assert 0 <= value <= min(mutual_information(a, a), mutual_information(b, b)) + 1e-12
    renamed = np.array(["x", "yy", "z", "p", "q", "r", "s", "t", "u"])[a + 3]
    assert mutual_information(renamed, b) == pytest.approx(value, abs=1e-12)
    assert mutual_information(a // 2, b) <= value + 1e-12


def test_known_values():
    assert mutual_information([0, 1, 2, 3] * 4, [0, 1, 2, 3] * 4) == 2
    assert mutual_information([True, True, False], [1, 1, 0]) == pytest.approx(
        np.log2(3) - 2 / 3, abs=1e-12
    )
    assert mutual_information([4], [4]) == 0
    assert mutual_information([1, "a", None, 1], [0, 1, 2, 0]) == 1.5


@pytest.mark.parametrize(
    ("a", "b", "correction", "message"),
    [
        ([0, 1], [0], "none", "a has 2 examples but b has 1"),
        ([], [], "none", r"a has shape \(0,\)"),
        ([0, 1], [[0], [1]], "none", r"b has shape \(2, 1\)"),
        ([0, np.nan], [0, 1], "none", "a holds NaN"),
        ([0, 1], [0, 1], "nsb", "'nsb' is not available in this version\n.*available: none"),
    ],
)
def test_faults_have_words(a, b, correction, message):
    with pytest.raises(UsageError, match=message) as caught:
        mutual_information(a, b, correction)
    assert caught.value.exit_code == 2


def numbered(codes, span=2**64 - 1):
    codes = np.array(codes, np.uint64)
    bits = table_bits(len(codes))
    ids = np.empty(len(codes), np.int32)
    slots = np.empty(1 << bits, np.int32)
    found = number_codes(codes, np.uint64(span), bits, slots, np.empty_like(codes), ids)
    return found, ids


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), min_size=1, max_size=50))
def test_numbers_follow_first_appearance(codes):
    found, ids = numbered(codes)
    seen: dict[int, int] = {}
    assert ids.tolist() == [seen.setdefault(code, len(seen)) for code in codes]
    assert found == len(seen)


def test_codes_that_hash_alike_stay_apart():
    """Multiples of the multiplier's inverse all fall into the last slots, so every search wraps around."""
    inverse = pow(0x9E3779B97F4A7C15, -1, 2**64)
    codes = [(2**64 - 1 - k) * inverse % 2**64 for k in range(500)]
    found, ids = numbered(codes + codes[::-1])
    assert found == 500
    assert ids.tolist() == [*range(500), *range(499, -1, -1)]


def test_few_possible_codes_are_their_own_slots():
    found, ids = numbered([7, 3, 7, 0, 15], span=16)
    assert found == 4
    assert ids.tolist() == [0, 1, 0, 2, 3]


@pytest.mark.parametrize("n", [1, 2, 3, 4096, 4097])
def test_tables_have_room(n):
    assert n <= 2 ** (table_bits(n) - 1) or n <= 8
    table = nlogn_table(n)
    assert table[0] == 0
    assert table[n] == pytest.approx(n * np.log2(n))
