"""The checks that every mutant must fail: small inputs, plain numpy beside them, a tenth of a second in all."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import reference

RULES = [{}, {"bins": 5, "range": "per-layer"}, {"edges": (-0.5, 0.0, 0.25)}, {"width": 0.3}]
SAMPLE_RULES = [
    {"bins": 4},
    {"bins": 4, "range": "per-layer"},
    {"bins": 4, "range": "per-epoch"},
    {"quantiles": 3},
]


def run() -> None:
    """Raise if anything differs from its reference."""
    with np.errstate(all="ignore"):
        check_ranks()
        check_numbers()
        check_cells()
        check_faults()
        check_plane()
        check_samples()
        check_wide_layers()
        check_edges()
        check_mutual_information()
        check_curves()
        check_gradients()


def near(value, expected, tolerance=1e-12):
    if not np.allclose(value, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise AssertionError(f"{value} is not {expected}")


def data(n=36, n_classes=3):
    rng = np.random.default_rng(1)
    labels = rng.integers(n_classes, size=n)
    layers = [
        np.tanh(rng.normal(size=(n, width)) * 0.6 + 0.2 * labels[:, None]) for width in (2, 1, 3)
    ]
    layers[2] = np.round(layers[2] * 4) / 4
    layers[2][:, 1] = 0.25
    return [layer.astype(np.float32) for layer in layers], labels


def check_ranks():
    from infosweep.information.ranks import equal_count_cells, order_of

    many = np.array([3.0, -1.5, 0.0, 3.0, 1e300, -1e-300, 7.25, -1.5])
    one_pass, three = np.array([1.5, 1.0, 1.25]), 1 + np.array([2**-8, 2**-9, 2**-20])
    for values in (many, one_pass, three, np.array([1.0, 2.0, 2.0]), np.zeros(3), np.ones(1)):
        n = values.size
        scratch = (
            np.zeros(n, np.uint64),
            np.zeros(n, np.uint64),
            np.zeros(n, np.int32),
            np.zeros(n, np.int32),
        )
        order_of(values, *scratch)
        near(scratch[2], np.argsort(values, kind="stable"))
        cell = np.full(n, -1, np.int32)
        equal_count_cells(values, 4, *scratch, cell)
        near(cell, 4 * (values[:, None] > values).sum(1) // n)


def check_numbers():
    from infosweep.information.counts import number_codes, table_bits

    inverse = pow(0x9E3779B97F4A7C15, -1, 2**64)
    alike = [(2**64 - 1 - k) * inverse % 2**64 for k in range(9)]
    for codes, span in (
        (alike + alike[::-1], 2**64 - 1),
        ([5, 0, 5, 31, 2], 32),
        ([5, 0, 5, 32, 2], 33),
    ):
        bits = table_bits(len(codes))
        if not len(codes) <= 2**bits // 2 <= max(4 * len(codes), 8):
            raise AssertionError("table has no room, or too much")
        slots = np.zeros(2**bits, np.int32)
        ids = np.full(len(codes), -1, np.int32)
        values = np.array(codes, np.uint64)
        found = number_codes(values, np.uint64(span), bits, slots, np.zeros_like(values), ids)
        seen: dict[int, int] = {}
        near(ids, [seen.setdefault(code, len(seen)) for code in codes])
        near(found, len(seen))


def check_cells():
    from infosweep.information import cells
    from infosweep.information.samples import _unit_spread

    t = np.concatenate([np.linspace(-1.2, 1.2, 41), [0.0, -0.0, 1.0, -1.0, 0.1, 0.7]])
    cell = np.empty(t.size, np.int32)
    for bins, low, high in ((30, -1.0, 1.0), (1000, -0.9, 1.1), (1, -1.0, 1.0), (7, 0.1, 0.7)):
        outside = cells.equal_cells(t, bins, low, high, cell)
        near(cell, reference.equal_cells(t, bins, low, high)[0])
        near(outside, ((t < low) | (t > high)).sum())
    packed = 1 + np.arange(-3, 12) * 2.3e-16
    outside = cells.equal_cells(packed, 4, 1.0, 1 + 8.9e-16, cell[:15])
    near(cell[:15], reference.equal_cells(packed, 4, 1.0, 1 + 8.9e-16)[0])
    near(outside, ((packed < 1.0) | (packed > 1 + 8.9e-16)).sum())
    for edges in (
        np.array([-0.5, 0.1, 0.7]),
        np.linspace(-1, 1, 128),
        np.linspace(-1, 1, 201),
        np.array([0.7]),
    ):
        cells.digitized_cells(t, edges, cell)
        near(cell, np.digitize(t, edges))
    slots, floors, keys = np.zeros(128, np.int32), np.zeros(t.size), np.zeros(t.size, np.uint64)
    radix = cells.width_cells(t, 0.07, 7, slots, floors, keys, cell)
    floor = np.floor(t / 0.07)
    near(cell, floor - floor.min())
    near(radix, cell.max() + 1)
    for values in ([0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]):
        dead, within, between = _unit_spread(np.array(values), np.array([0, 2, 4]), np.empty(2))
        if dead:
            raise AssertionError("a unit of two values is not dead")
        near(within + between, 4 * np.var(values))


def check_faults():
    from infosweep.errors import UsageError
    from infosweep.information import information_plane, mutual_information

    def refused(call):
        try:
            call()
        except UsageError:
            return
        raise AssertionError("a fault was not refused")

    t = np.ones((2, 1))
    refused(lambda: information_plane([t], [0, 1], edges=[0.0], width=1.0))
    refused(lambda: information_plane([t.astype(np.float32)], [0, 1], width=1e-60))
    refused(lambda: mutual_information([0, 1], [0]))
    refused(lambda: mutual_information([], []))
    refused(lambda: mutual_information([[0]], [[0]]))
    near(mutual_information([3], [4]), 0)
    near(mutual_information([None, "a"], [0, 1]), 1)


def nulls(labels, seed):
    return [np.array(null) for null in _nulls(tuple(labels.tolist()), seed)]


@lru_cache
def _nulls(labels, seed):
    from infosweep.seeds import permute, stream_key

    out = []
    for p in range(20):
        shuffled = np.array(labels)
        permute(shuffled, stream_key(seed, "null"), p)
        out.append(tuple(shuffled.tolist()))
    return out


@lru_cache
def expected_plane(n_classes, place):
    """Rows of the reference for RULES[place]: the same for every mutant."""
    layers, labels = data(n_classes=n_classes)
    return [reference.row(t, labels, layers, nulls(labels, 4), **RULES[place]) for t in layers]


def sample_data():
    """Layers and labels; class 3 has one example, which the second sample lacks."""
    layers, labels = data(60)
    labels[0] = 3
    layers[1][40] = 1.5
    layers[2][30, 2] = -1.5
    return layers, labels


@lru_cache
def expected_sample(every, place):
    """Rows of the reference for one of two samples."""
    layers, labels = sample_data()
    columns = np.arange(60) if every else np.arange(60)[1::2]
    given = None if every else np.where(columns % 5 == 0, 0, labels[columns])
    own = [t[columns] for t in layers]
    null = nulls(labels[columns], 4)
    return [reference.row(t, labels[columns], own, null, given, **SAMPLE_RULES[place]) for t in own]


def check_plane():
    from infosweep.information import information_plane

    for n_classes in (3, 2):
        layers, labels = data(n_classes=n_classes)
        for place, rule in enumerate(RULES if n_classes == 3 else RULES[:1]):
            table = information_plane(layers, labels, seed=4, **rule)
            for row, expected in zip(
                table.to_dict("records"), expected_plane(n_classes, place), strict=True
            ):
                near([row[column] for column in expected], list(expected.values()))
    constant = information_plane(
        [np.full((4, 1), 0.3), np.full((4, 1), 5.0)], [0, 1, 1, 0], range="per-layer"
    )
    near(constant["i_xt"], 0)
    near(constant["unique_fraction"], 0.25)


def check_samples():
    from infosweep.information.bins import measure_layers
    from infosweep.information.samples import prepare, spread
    from infosweep.study.settings import BinsSettings

    layers, labels = sample_data()
    subset = np.arange(60)[1::2]
    noisy = np.where(subset % 5 == 0, 0, labels[subset])
    stacked = np.ascontiguousarray(np.concatenate([t.T for t in layers]))
    offsets = np.array([0, 2, 3, 6])
    samples = prepare(
        ["all", "train"],
        [np.arange(60), subset],
        [labels, labels[subset]],
        [None, noisy],
        n_columns=60,
        n_classes=4,
        seed=4,
    )
    near(samples.h_y, [reference.entropy(labels), reference.entropy(labels[subset])])
    near(samples.log2_n, np.log2([60, 30]))
    variances = spread(stacked, offsets, samples)
    for place, rule in enumerate(SAMPLE_RULES):
        out = measure_layers(stacked, offsets, samples, BinsSettings(**rule))
        for s in range(2):
            for layer, expected in enumerate(expected_sample(s == 0, place)):
                near(
                    [values[s, layer] for values in out.values()],
                    [expected[column] for column in out],
                )
                near(
                    variances[s, layer],
                    [expected[name] for name in ("dead_fraction", "within_class", "between_class")],
                )
    for permutations in (0, 1):
        few = prepare(
            ["all"],
            [np.arange(60)],
            [labels],
            [None],
            n_columns=60,
            n_classes=4,
            seed=4,
            permutations=permutations,
        )
        if few.lanes.shape != (60, 8):
            raise AssertionError("lanes are padded to eight")
        out = measure_layers(stacked, offsets, few, BinsSettings())
        near(np.isnan(out["i_ty_null"]).all(), permutations == 0)
        near(np.isnan(out["i_ty_null_sd"]).all(), True)
    tight = np.where(labels == 0, 0.5, 1.5) + 1e-9 * (np.arange(60) % 2)
    within = spread(tight[None, :], np.array([0, 1]), samples)[0, 0, 1]
    near(within / 1e-18, 0.25, 0.02)


def check_wide_layers():
    from infosweep.information import information_plane

    rng = np.random.default_rng(2)
    t = rng.choice([-0.9, -0.1, 0.3, 0.8], size=(10, 3)).repeat(9, axis=1)
    t[:, 0] = np.linspace(-1, 1, 10).round(1)
    t[:, 26] = rng.choice([-0.5, 0.5], 10)
    labels = np.arange(10) % 2
    for rule in ({}, {"bins": 1000}, {"width": 1e-6}, {"width": 1e-20}):
        row = information_plane([t], labels, **rule).iloc[0]
        codes, _ = reference.cells(t, [t], **rule)
        near(row["i_xt"], reference.entropy(codes))
        near(row["i_ty"], reference.information(codes, labels))


def check_edges():
    from infosweep.information import information_plane

    for bins, ends in (
        (30, (-1.0, 1.0)),
        (3, (0.1, 0.7)),
        (4, (1.0, 1 + 8e-16)),
        (3, (-1 - 6e-15, -1.0)),
    ):
        edges = np.linspace(*ends, bins + 1)
        t = np.concatenate([edges, np.nextafter(edges, -9), np.nextafter(edges, 9)])[:, None]
        codes, clipped = reference.equal_cells(t, bins, *ends)
        row = information_plane([t], codes[:, 0], bins=bins, range=ends).iloc[0]
        near(
            [row["i_xt"], row["i_ty"], row["clipped_fraction"]],
            [reference.entropy(codes)] * 2 + [clipped],
        )
    near(
        information_plane([[[-(2.0**31)], [2.0**31], [0.0]]], np.arange(3), width=1.0)[
            "unique_fraction"
        ],
        1,
    )
    t = np.array([[0.0], [-0.0], [1e30], [-1e30], [2.0**60], [1.0]])
    near(information_plane([t], np.arange(6), width=1.0)["unique_fraction"], 5 / 6)
    for spacing in (2**31 - 3.0, 2**31 - 2.0, 2**31 - 1.0, 2.0**31, 2.0**32):
        t = np.array([[0.0], [spacing], [spacing - 1], [1.0], [0.0]])
        near(information_plane([t], np.arange(5), width=1.0)["unique_fraction"], 4 / 5)
    for edge in (0.1, 0.7):
        t = np.array([[edge], [1.0], [0.0]], np.float32)
        near(
            information_plane([t], [0, 1, 2], edges=[edge])["i_xt"],
            reference.entropy(np.digitize(t, [edge])),
        )


def check_mutual_information():
    from infosweep.information import mutual_information

    a, b = np.array([0, 0, 1, 2, 2, 1, 0]), np.array([1, 1, 0, 5, 0, 0, 1])
    near(mutual_information(a, b), reference.information(a, b))
    near(mutual_information(a, b[::-1]), reference.information(a, b[::-1]))
    if mutual_information(a, [3] * 7) != 0:
        raise AssertionError("a constant tells nothing")


def check_curves():
    from infosweep.data.problem import Problem
    from infosweep.measures.curves import measure_curves, splits_of

    rng = np.random.default_rng(3)
    for n_classes in (2, 3):
        n = 60
        labels = np.arange(n) % n_classes
        given = np.where(rng.random(n) < 0.2, 0, labels)
        order = rng.permutation(n)
        problem = Problem(
            np.zeros((n, 1), np.float32),
            labels,
            given,
            n_classes,
            order[:40],
            order[40:50],
            order[50:],
            {},
        )
        logits = rng.normal(size=(n_classes, n)) + (labels == np.arange(n_classes)[:, None])
        logits = (np.round(logits * 4) / 4).astype(np.float32)
        splits = splits_of(problem, noisy=True)
        names = ("train", "validation", "test", "all", "train_clean", "train_corrupted")
        if splits.names != names or splits.sizes[:4] != (40, 10, 10, 60) or splits.fitted_on != 1:
            raise AssertionError("splits")
        out = measure_curves(logits, splits)
        for s, name in enumerate(names):
            part = splits.examples[splits.starts[s] : splits.starts[s + 1]]
            if (
                name in names[4:]
                and ((given[part] == labels[part]) != (name == "train_clean")).any()
            ):
                raise AssertionError("clean and corrupted")
            near(out[s], curve(logits[:, part].astype(float), labels[part], given[part], out[s, 2]))
        fitted = problem.validation
        slope = [
            mean_loss(logits[:, fitted], given[fitted], t * out[0, 2]) for t in (0.999, 1.0, 1.001)
        ]
        near(min(slope), slope[1], 1e-15)
    labels = np.arange(2)
    problem = Problem(
        np.zeros((2, 1), np.float32), labels, labels, 2, labels, labels[:0], labels[1:], {}
    )
    for difference, area in (([0.0, 0.0], 0.5), ([-1.0, 1.0], 1.0), ([1.0, -1.0], 0.0)):
        logits = np.stack([np.zeros(2), difference]).astype(np.float32)
        near(measure_curves(logits, splits_of(problem, noisy=False))[0, 7], area)
    sure = np.array([[60.0, -60, 4], [0, 0, 0]], np.float32)
    labels = np.array([0, 1, 1])
    problem = Problem(
        np.zeros((3, 1), np.float32), labels, labels, 2, np.arange(2), labels[:0], np.array([2]), {}
    )
    out = measure_curves(sure, splits_of(problem, noisy=False))
    near(out[0, 0] / np.exp(-60), 1)
    if not np.isnan(out[1, 7]):
        raise AssertionError("area with a class absent")


def log_probabilities(z):
    z = z - z.max(0)
    return z - np.log(np.exp(z).sum(0))


def mean_loss(z, labels, temperature):
    return -log_probabilities(z.astype(float) / temperature)[labels, np.arange(labels.size)].mean()


def curve(z, labels, given, temperature):
    n_classes = len(z)
    predicted = z.argmax(0)
    rank, areas = np.nan, []
    scores = (
        log_probabilities(z).round(12) if n_classes > 2 else np.stack([z[0] - z[1], z[1] - z[0]])
    )
    for k in range(n_classes):
        yes, no = scores[k][labels == k], scores[k][labels != k]
        with np.errstate(invalid="ignore"):
            wins = (yes[:, None] > no).sum() + 0.5 * (yes[:, None] == no).sum()
            areas.append(wins / (yes.size * no.size) if yes.size * no.size else np.nan)
    if n_classes == 2:
        rank = reference.information(
            15 * (scores[1][:, None] > scores[1]).sum(1) // labels.size, labels
        )
    return [
        mean_loss(z, given, 1),
        mean_loss(z, given, temperature),
        temperature,
        (predicted == given).mean(),
        (predicted == labels).mean(),
        reference.information(predicted, labels),
        rank,
        np.mean(areas),
    ]


def check_gradients():
    from infosweep.measures.gradients import measure_gradients
    from infosweep.snapshot import GradientMoments

    moments = GradientMoments(4, np.array([1.5, 0.1]), np.array([2.0, 1.0]))
    out = measure_gradients([np.full((2, 3), 2.0), np.eye(3)], moments)
    near(out[0], [np.sqrt(24), 1.5, 2.0, 0.75, np.sqrt(1.5**2 - 1) / 2])
    near(out[1], [np.sqrt(3), 0.1, 1.0, 0.1, 0])
    two = measure_gradients([np.eye(2)], GradientMoments(2, np.array([1.0]), np.array([1.0])))
    near(two[0], [np.sqrt(2), 1, 1, 1, np.sqrt(0.5)])
    one = measure_gradients([np.eye(2)], GradientMoments(1, np.array([1.0]), np.array([np.nan])))
    near(one[0], [np.sqrt(2), np.nan, np.nan, np.nan, np.nan])
    still = measure_gradients([np.eye(2)], GradientMoments(2, np.array([1.0]), np.array([0.0])))
    near(still[0], [np.sqrt(2), 1, 0, np.nan, np.nan])
