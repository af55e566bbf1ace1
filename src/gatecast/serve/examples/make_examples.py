"""Make the examples of the page: three small tables of invented numbers that look like life.

Run ``python make_examples.py`` to write them anew; they come out the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def shop_sales(rng: np.random.Generator) -> pd.DataFrame:
    """Return nine years of a shop's monthly sales: growth, summers, and a peak in December."""
    t = np.arange(108)
    months = t % 12
    season = 1 + 0.12 * np.sin(2 * np.pi * (t - 3) / 12) + 0.28 * (months == 11)
    season -= 0.08 * (months <= 1)
    growth = 240 * np.exp(0.0045 * t + 0.05 * np.sin(2 * np.pi * t / 54))
    sales = growth * season * np.exp(0.025 * rng.standard_normal(t.size))
    names = pd.period_range("2017-01", periods=t.size, freq="M").astype(str)
    return pd.DataFrame({"month": names, "sales": sales.round(1)})


def power_demand(rng: np.random.Generator) -> pd.DataFrame:
    """Return ten weeks of a town's demand by the hour: a day of work looks unlike a Sunday."""
    hours = pd.date_range("2025-01-06", periods=70 * 24, freq="h")
    hour, work = hours.hour.to_numpy(), hours.day_of_week.to_numpy() < 5
    morning = np.where(work, 13 * _peak(hour, 8.5, 2.2), 7 * _peak(hour, 11, 3.0))
    evening = np.where(work, 15, 11) * _peak(hour, 18.5, 2.9)
    daily = morning + evening - 10 * _peak(hour, 3.5, 3.2) - 5 * ~work
    weather = _persistent(rng, hours.size, 0.9, 0.5) + rng.normal(0, 0.6, hours.size)
    stamps = hours.strftime("%Y-%m-%d %H:%M")
    return pd.DataFrame({"time": stamps, "megawatt": (52 + daily + weather).round(2)})


def shop_visits(rng: np.random.Generator) -> pd.DataFrame:
    """Return ten months of daily visits to three shops, each with a week of its own."""
    days = pd.date_range("2025-01-01", periods=304)
    day, t = days.day_of_week.to_numpy(), np.arange(days.size)
    weeks = {
        "Centre": (410, [0.92, 0.90, 0.94, 1.00, 1.18, 1.38, 0.68]),
        "Station": (260, [1.14, 1.15, 1.13, 1.14, 1.20, 0.72, 0.52]),
        "Lakeside": (120, [0.70, 0.72, 0.78, 0.82, 1.02, 1.52, 1.44]),
    }
    parts = []
    for name, (level, week) in weeks.items():
        summer = 1 + (0.35 if name == "Lakeside" else 0.06) * np.sin(2 * np.pi * (t - 95) / 365)
        mood = np.exp(_persistent(rng, t.size, 0.6, 0.045))
        visits = rng.poisson(level * np.take(week, day) * summer * mood)
        dates = days.strftime("%Y-%m-%d")
        parts.append(pd.DataFrame({"shop": name, "date": dates, "visits": visits}))
    return pd.concat(parts, ignore_index=True)


def _peak(hour: np.ndarray, at: float, width: float) -> np.ndarray:
    return np.exp(-(((hour - at) / width) ** 2))


def _persistent(rng: np.random.Generator, n: int, keep: float, spread: float) -> np.ndarray:
    """Return noise that goes on from what it was."""
    noise, values = rng.normal(0, spread, n), np.zeros(n)
    for i in range(1, n):
        values[i] = keep * values[i - 1] + noise[i]
    return values


def main() -> None:
    """Write the three tables beside this file."""
    for seed, make in enumerate((shop_sales, power_demand, shop_visits)):
        frame = make(np.random.default_rng(seed))
        path = Path(__file__).with_name(f"{make.__name__}.csv")
        frame.to_csv(path, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
