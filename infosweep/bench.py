"""This machine's speed beside ordinary ways to do the same: PyTorch loops, and numpy for information.

The network is the one of Shwartz-Ziv & Tishby 2017 (12-10-7-5-4-3-2, tanh, batch 256, Adam 4e-4, 85 % of the
twelve-bit task). A net-step is one optimiser step of one network; ours are counted over one network a core. All
ways are timed in turns in one process, the best of several rounds counts for each, and PyTorch gets the number
of threads that suits it best.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from infosweep.data import load_task, make_problem
from infosweep.information import bins
from infosweep.information.samples import Samples, prepare
from infosweep.networks.mlp import initial_weights
from infosweep.plan import Trial, trials_of
from infosweep.study import study_from_mapping
from infosweep.study.settings import BinsSettings

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from infosweep.data import Problem
    from infosweep.snapshot import Snapshot

EPOCHS = 300  # of one timing of ours; about 0.1 s
TORCH_STEPS = 84  # of one timing of a PyTorch loop: six epochs
TORCH_SECONDS = 2.0  # or fewer steps, where the machine is busy with something else
ROUNDS = 3

Facts = dict[str, float | int]


def measure(seconds: float = 20.0, rounds: int = ROUNDS) -> Facts:
    """Return this machine's speed: times in ms, ratios (above 1: ours is faster), difference in bits.

    Args:
        seconds: how long to measure, compilation apart.
        rounds: how many to make at least.
    """
    import torch

    cores = len(os.sched_getaffinity(0))
    trials = _trials(cores)
    problem = make_problem(trials[0], load_task(trials[0].task))
    snapshot = _trained(trials[0], problem)  # compiles, too
    layers, labels = snapshot.activations, problem.labels
    samples = _samples(labels)
    threads = dict.fromkeys(("dataloader", "slices"), sorted({1, 2, cores}))
    numbers = {"fused": [], "dataloader": [], "slices": [], "bins": [], "numpy": []}
    initial = torch.get_num_threads()
    deadline = time.perf_counter() + seconds
    try:
        while len(numbers["fused"]) < rounds or time.perf_counter() < deadline:
            numbers["fused"].append(_fused(trials, problem))
            for loop, counts in threads.items():
                times = {n: _torch(loop, trials[0], problem, n) for n in counts}
                threads[loop] = [min(times, key=times.__getitem__)]  # the first round chooses
                numbers[loop].append(min(times.values()))
            numbers["bins"].append(_timed(lambda: compiled_bits(layers, samples), 20))
            numbers["numpy"].append(_timed(lambda: numpy_bits(layers, labels), 3))
    finally:
        torch.set_num_threads(initial)
    best = {name: min(values) * 1e3 for name, values in numbers.items()}
    difference = np.abs(compiled_bits(layers, samples) - numpy_bits(layers, labels)).max()
    return {
        "net_step_vs_dataloader": best["dataloader"] / best["fused"],
        "net_step_vs_slices": best["slices"] / best["fused"],
        "information_vs_numpy": best["numpy"] / best["bins"],
        "net_step_ms": best["fused"],
        "net_step_dataloader_ms": best["dataloader"],
        "net_step_slices_ms": best["slices"],
        "information_ms": best["bins"],
        "information_numpy_ms": best["numpy"],
        "information_difference_bits": float(difference),
        "cores": cores,
        "rounds": len(numbers["fused"]),
    }


def _trials(n: int) -> list[Trial]:
    study = study_from_mapping(
        {
            "name": "bench",
            "task": {"kind": "binary12"},
            "training": {"optimizer": "adam", "learning_rate": 0.0004, "epochs": EPOCHS},
            "axes": {"train_size": [0.85], "batch_size": [256]},
            "record": {"checkpoints": 2},
            "seeds": n,
        }
    )
    return trials_of(study)


def _trained(trial: Trial, problem: Problem) -> Snapshot:
    from infosweep.training import fused

    *_, last = fused.train(trial, problem)
    return last


def _fused(trials: list[Trial], problem: Problem) -> float:
    """Seconds a net-step, one network a core, the measuring pass at the end included."""
    from infosweep.training import fused

    networks: list[Iterator[Snapshot]] = [fused.train(trial, problem) for trial in trials]
    with ThreadPoolExecutor(len(networks)) as pool:
        list(pool.map(_advance, networks))  # up to the snapshot before training
        start = time.perf_counter()
        steps = list(pool.map(_advance, networks))
        elapsed = time.perf_counter() - start
    return elapsed / sum(steps)


def _advance(network: Iterator[Snapshot]) -> int:
    return next(network).step


def _torch(loop: str, trial: Trial, problem: Problem, threads: int) -> float:
    """Seconds a step of an ordinary PyTorch loop."""
    import torch

    torch.set_num_threads(threads)
    network = _torch_network(trial)
    optimizer = torch.optim.Adam(network.parameters(), lr=trial.training.learning_rate)
    criterion = torch.nn.CrossEntropyLoss()
    inputs = torch.from_numpy(problem.inputs[problem.fit])
    labels = torch.from_numpy(problem.given[problem.fit])
    batches = _loader if loop == "dataloader" else _slices
    steps, start = -10, 0.0  # the first ten warm up
    while True:
        for x, y in batches(inputs, labels, trial.batch_used):
            if steps <= 0:
                start = time.perf_counter()
            elapsed = time.perf_counter() - start
            if steps == TORCH_STEPS or elapsed > TORCH_SECONDS:
                return elapsed / steps
            optimizer.zero_grad()
            criterion(network(x), y).backward()
            optimizer.step()
            steps += 1


def _torch_network(trial: Trial) -> torch.nn.Sequential:
    import torch

    modules: list[torch.nn.Module] = []
    for weights, bias in initial_weights(trial):
        layer = torch.nn.Linear(weights.shape[1], weights.shape[0])
        layer.load_state_dict({"weight": torch.from_numpy(weights), "bias": torch.from_numpy(bias)})
        modules += [layer, torch.nn.Tanh()]
    return torch.nn.Sequential(*modules[:-1])


Batches = Iterator[tuple["torch.Tensor", "torch.Tensor"]]


def _loader(inputs: torch.Tensor, labels: torch.Tensor, batch: int) -> Batches:
    from torch.utils.data import DataLoader, TensorDataset

    yield from DataLoader(TensorDataset(inputs, labels), batch_size=batch, shuffle=True)


def _slices(inputs: torch.Tensor, labels: torch.Tensor, batch: int) -> Batches:
    import torch

    order = torch.randperm(len(inputs))
    for start in range(0, len(inputs), batch):
        chosen = order[start : start + batch]
        yield inputs[chosen], labels[chosen]


def _samples(labels: NDArray[np.int64]) -> Samples:
    """All examples as one sample, without the null, which the numpy way does not compute either."""
    n = len(labels)
    return prepare(
        ["all"],
        [np.arange(n)],
        [labels],
        [None],
        n_columns=n,
        n_classes=int(labels.max()) + 1,
        seed=0,
        permutations=0,
    )


def compiled_bits(layers: tuple[NDArray[np.float32], ...], samples: Samples) -> NDArray[np.float64]:
    """I(X;T) and I(T;Y) in bits, (2, layers), by the estimator `bins` in one compiled pass."""
    offsets = np.cumsum([0, *(len(layer) for layer in layers)])
    found = bins.measure_layers(np.concatenate(layers), offsets, samples, BinsSettings())
    return np.stack([found["i_xt"][0], found["i_ty"][0]])


def numpy_bits(
    layers: tuple[NDArray[np.float32], ...], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The same by numpy's unique rows: layers (width, n), 30 cells over [-1, 1] -> (2, layers)."""
    edges = np.linspace(-1, 1, 31)[1:-1]

    def entropy(codes: NDArray[np.int64]) -> float:
        share = np.unique(codes, return_counts=True)[1] / len(codes)
        return float(-(share * np.log2(share)).sum())

    found = []
    for layer in layers:
        cells = np.digitize(layer.T, edges).astype(np.int8)
        codes = np.unique(cells, axis=0, return_inverse=True)[1].reshape(-1)
        h_t, h_joint = entropy(codes), entropy(codes * (labels.max() + 1) + labels)
        found.append((h_t, h_t + entropy(labels) - h_joint))
    return np.array(found).T


def _timed(work: Callable[[], object], times: int) -> float:
    """Seconds of one call, the best of several."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
