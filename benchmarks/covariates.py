"""What masks and covariates are worth: ``python -m benchmarks.covariates [--seeds 3]``.

Generated series with gaps and with announced jumps; and, where ``GATECAST_DATA`` names a folder
that has it, the day-ahead electricity prices of epf_short with two load forecasts. Each model is
trained once; the errors are mean absolute ones over rolling origins that it has not seen.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gatecast import LSTM

SETTINGS: dict[str, Any] = {"hidden_size": 32, "epochs": 60}


def gaps(seed: int) -> dict[str, dict[str, float]]:
    """Error with 20 % of the values missing, by kind of series and what was done about them."""
    h, n, cut = 6, 600, 480
    rng, t = np.random.default_rng(seed), np.arange(n)
    cycle = np.zeros(n)
    for k in range(2, n):
        cycle[k] = 1.6 * cycle[k - 1] - 0.9 * cycle[k - 2] + rng.normal()
    week = np.tile([5, 5, 6, 6, 9, 14, 2], n // 7 + 1)[:n]
    two = 3 * np.sin(2 * np.pi * t / 24) + 2 * np.sign(np.sin(2 * np.pi * t / 7))
    kinds = {
        "season": 10 + 3 * np.sin(2 * np.pi * t / 12) + rng.normal(0, 0.5, n),
        "two seasons": 10 + two + rng.normal(0, 0.5, n),
        "cycle": 20 + cycle,
        "random walk": 100 + np.cumsum(rng.normal(size=n)),
        "week": week * (1 + 0.1 * rng.normal(size=n)),
    }
    errors: dict[str, dict[str, float]] = {}
    for kind, y in kinds.items():
        gone = rng.random(n) < 0.2
        gone[[0, cut - 1]] = False
        df = pd.DataFrame({"ds": t, "y": np.where(gone, np.nan, y)})
        origins = [o for o in range(cut, n - h, 3) if not gone[o - 1]]
        for fill in (None, "interpolate", "zero"):
            model = LSTM(h, context_length=24, seed=seed, **SETTINGS).fit(df[:cut], fill=fill)
            forecasts = [model.predict(df[:o])["LSTM"].to_numpy() for o in origins]
            truth = [y[o : o + h] for o in origins]
            error = np.abs(np.array(forecasts) - np.array(truth)).mean()
            errors.setdefault(kind, {})[fill or "masked"] = float(error)
    return errors


def jumps(seed: int) -> dict[str, float]:
    """Error on a season with jumps that a flag announces, without the flag and with it."""
    h, n, cut = 12, 600, 480
    rng, flag, t = np.random.default_rng(seed), np.zeros(n), 0
    while t < n:
        t += rng.integers(8, 30)
        flag[t : (t := t + rng.integers(2, 8))] = 1
    season = 2 * np.sin(2 * np.pi * np.arange(n) / 12)
    y = 20 + season + 12 * flag + rng.normal(0, 0.5, n)
    df = pd.DataFrame({"ds": np.arange(n), "y": y, "flag": flag})
    return with_and_without(df, ["flag"], h, cut, range(cut, n - h, 6), seed, context_length=24)


def prices(path: Path, seed: int) -> dict[str, float]:
    """Error on day-ahead prices, over the last 14 days, without load forecasts and with them."""
    df = pd.read_parquet(path).rename(columns={"Exogenous1": "load", "Exogenous2": "supply"})
    df["ds"] = df.groupby("unique_id").cumcount()  # the markets are of different years
    n = int(df["ds"].max()) + 1
    cut = n - 14 * 24
    settings = {"context_length": 168, "season_length": 24, "hidden_size": 64}
    return with_and_without(
        df, ["load", "supply"], 24, cut, range(cut, n - 23, 24), seed, **settings
    )


def with_and_without(
    df: pd.DataFrame,
    future: list[str],
    h: int,
    cut: int,
    origins: range,
    seed: int,
    **settings: Any,
) -> dict[str, float]:
    errors = {}
    for name, covariates in (("without", []), ("with", future)):
        model = LSTM(h, future_covariates=covariates, seed=seed, **{**SETTINGS, **settings}).fit(
            df[df["ds"] < cut]
        )
        total = []
        for o in origins:
            ahead = df[(df["ds"] >= o) & (df["ds"] < o + h)]
            given = {"future_df": ahead.drop(columns="y")} if covariates else {}
            forecast = model.predict(df[df["ds"] < o], **given)["LSTM"].to_numpy()
            total.append(np.abs(forecast - ahead["y"].to_numpy()).mean())
        errors[name] = float(np.mean(total))
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    print("20 % of the values missing: masked, interpolated, zero")
    found = [gaps(seed) for seed in seeds]
    for kind in found[0]:
        columns = {how: [errors[kind][how] for errors in found] for how in found[0][kind]}
        ratios = np.divide(columns["masked"], columns["interpolate"])
        means = "  ".join(f"{how} {np.mean(x):.3f}" for how, x in columns.items())
        print(f"  {kind:12} {means}  masked/interpolated {np.round(ratios, 2)}", flush=True)
    path = Path(os.environ.get("GATECAST_DATA", ""), "epf_short", "all.parquet")
    jobs = {"announced jumps": jumps}
    if "GATECAST_DATA" in os.environ and path.exists():
        jobs["electricity prices"] = lambda seed: prices(path, seed)
    for name, job in jobs.items():
        print(f"{name}: without future covariates, with them")
        for seed in seeds:
            error = job(seed)
            ratio = error["with"] / error["without"]
            print(
                f"  seed {seed}: {error['without']:.3f}  {error['with']:.3f}  ratio {ratio:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
