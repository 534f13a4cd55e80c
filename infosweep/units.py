"""Bits and nats, and sizes and durations as people read them."""

from __future__ import annotations

LN2 = 0.6931471805599453


def nats_to_bits(nats: float) -> float:
    """Convert an amount of information from nats to bits.

    >>> round(nats_to_bits(LN2), 12)
    1.0
    """
    return nats / LN2


def bits_to_nats(bits: float) -> float:
    """Convert an amount of information from bits to nats."""
    return bits * LN2


def count(n: int, noun: str) -> str:
    """Write a number of things; of a regular noun.

    >>> count(1, "cell"), count(2000, "cell")
    ('1 cell', '2,000 cells')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def format_bytes(size: float) -> str:
    """Write a number of bytes with a decimal unit.

    >>> format_bytes(1_234_567)
    '1.2 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def format_duration(seconds: float) -> str:
    """Write a number of seconds with at most two units.

    >>> format_duration(3700)
    '1h01m'
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f}s" if seconds < 10 else f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
