"""Distributed sweeps over batch size and data size of learning networks."""
