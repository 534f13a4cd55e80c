"""Plain numpy for what the compiled estimators compute, as their definitions read."""

from __future__ import annotations

import numpy as np


def entropy(*codes):
    """Plug-in entropy in bits of the joint rows of codes, each (n,) or (n, units)."""
    rows = np.column_stack(codes)
    counts = np.unique(rows, axis=0, return_counts=True)[1]
    p = counts / counts.sum()
    return float(-(p * np.log2(p)).sum())


def information(codes, labels):
    return entropy(codes) + entropy(labels) - entropy(codes, labels)


def equal_cells(t, bins, low, high):
    """Cells of (n, width) activations, last closed, values outside in the outermost; and their share."""
    edges = np.linspace(low, high, bins + 1)
    cells = np.clip(np.digitize(t, edges) - 1, 0, bins - 1)
    wide = t.astype(np.float64)
    return cells, float(((wide < low) | (wide > high)).mean())


def quantile_cells(t, quantiles):
    smaller = (t[:, None, :] > t[None, :, :]).sum(1)
    return quantiles * smaller // len(t)


def cells(t, layers, *, bins=30, range=(-1.0, 1.0), edges=None, width=None, quantiles=None):
    """Cells of one layer (n, width) and clipped share; `layers` are all layers of the checkpoint."""
    if edges is not None:
        return np.digitize(t, np.asarray(edges)), 0.0
    if width is not None:
        return np.floor(t / t.dtype.type(width)).astype(np.float64), 0.0
    if quantiles is not None:
        return quantile_cells(t, quantiles), 0.0
    if range == "per-layer":
        range = (t.min(), t.max())
    elif range == "per-epoch":
        range = (min(a.min() for a in layers), max(a.max() for a in layers))
    return equal_cells(t, bins, float(range[0]), float(range[1]))


def row(t, labels, layers, nulls, given=None, **settings):
    """The columns of `information` that `bins` gives for one layer (n, width)."""
    codes, clipped = cells(t, layers, **settings)
    counts = np.unique(codes, axis=0, return_counts=True)[1]
    null = [information(codes, permuted) for permuted in nulls]
    classes = [t[labels == y].astype(np.float64) for y in np.unique(labels)]
    mean = t.astype(np.float64).mean(0)
    n = len(labels)
    return {
        "i_xt": entropy(codes),
        "h_t": entropy(codes),
        "i_ty": information(codes, labels),
        "i_ty_given": np.nan if given is None else information(codes, given),
        "i_ty_null": np.mean(null),
        "i_ty_null_sd": np.std(null, ddof=1),
        "h_y": entropy(labels),
        "n": n,
        "log2_n": np.log2(n),
        "unique_fraction": len(counts) / n,
        "singleton_fraction": (counts == 1).sum() / n,
        "clipped_fraction": clipped,
        "dead_fraction": float((t == t[0]).all(0).mean()),
        "within_class": sum(len(c) / n * c.var(0).sum() for c in classes),
        "between_class": sum(len(c) / n * ((c.mean(0) - mean) ** 2).sum() for c in classes),
        "saturated": entropy(codes) > 0.95 * np.log2(n),
    }
