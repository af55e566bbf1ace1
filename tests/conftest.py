"""Series that the tests share; all are generated here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def monthly() -> pd.DataFrame:
    """Ten years of months with trend, season and a little noise, as `ds, y`."""
    t = np.arange(120)
    rng = np.random.default_rng(7)
    y = 100 + 0.2 * t + 10 * np.sin(2 * np.pi * t / 12) + rng.normal(0, 0.5, 120)
    return pd.DataFrame({"ds": pd.date_range("2010-01-01", periods=120, freq="MS"), "y": y})


@pytest.fixture
def several() -> pd.DataFrame:
    """Three monthly series of unequal length and level, long format."""
    rng = np.random.default_rng(11)
    parts = []
    for name, length, level in (("a", 90, 1.0), ("b", 60, 1e3), ("c", 45, 1e-3)):
        t = np.arange(length)
        y = level * (5 + np.sin(2 * np.pi * t / 12) + rng.normal(0, 0.1, length))
        stamps = pd.date_range("2015-01-01", periods=length, freq="MS")
        parts.append(pd.DataFrame({"unique_id": name, "ds": stamps, "y": y}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def csv(tmp_path: Path, monthly: pd.DataFrame) -> Path:
    """The monthly series as a two-column file with headings of its own."""
    path = tmp_path / "sales.csv"
    named = monthly.assign(ds=monthly["ds"].dt.strftime("%Y-%m"))
    named.rename(columns={"ds": "Month", "y": "Sales"}).to_csv(path, index=False)
    return path
