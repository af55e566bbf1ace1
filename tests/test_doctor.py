"""What is wrong with data: each trouble found, its near miss not, and few false alarms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatecast.doctor import Report, check, require_sound
from gatecast.doctor.facts import examine, season_of
from gatecast.doctor.symptoms import diagnose
from gatecast.errors import ConfigError, DataError
from gatecast.panel import Columns, Intake, from_any

Frame = pd.DataFrame


def season(n: int = 120, seed: int = 0, **changes: float) -> np.ndarray:
    """Months with a season and noise; ``at50=9`` sets one value."""
    rng = np.random.default_rng(seed)
    y = 100 + 10 * np.sin(np.arange(n) * 2 * np.pi / 12) + rng.normal(size=n)
    for name, value in changes.items():
        y[int(name.removeprefix("at"))] = value
    return y


def months(y: Any, start: str = "2010-01-01", **columns: Any) -> Frame:
    stamps = pd.date_range(start, periods=len(y), freq="MS")
    return pd.DataFrame({"ds": stamps, "y": y, **columns})


def panel_of(**series: Frame) -> Frame:
    return pd.concat([df.assign(unique_id=name) for name, df in series.items()])


def found(report: Report) -> set[str]:
    """Codes of what is more than a mere note."""
    return {finding.code for finding in report.findings if finding.code != "note"}


def one(report: Report, code: str) -> Any:
    (finding,) = [finding for finding in report.findings if finding.code == code]
    return finding


def noise(n: int = 120, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def shifted(by: float) -> np.ndarray:
    y = season()
    y[60:] += by
    return y


def zeros(share: float, n: int = 120) -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.where(rng.uniform(size=n) < share, 0.0, rng.integers(1, 9, n))


def without(df: Frame, rows: Any) -> Frame:
    return df.drop(index=rows)


def with_missing(rows: Any) -> Frame:
    df = months(season())
    df.loc[rows, "y"] = np.nan
    return df


def ahead(n: int) -> Frame:
    """The last n rows are known by their covariate only."""
    df = months(season(), x=noise())
    df.loc[120 - n :, "y"] = np.nan
    return df


def rows_of(ids: list[Any]) -> Frame:
    return pd.DataFrame({"unique_id": ids, "ds": pd.date_range("2024", periods=len(ids)), "y": 1.0})


FUTURE = {"future_covariates": ["x"], "h": 12}
CLEAN = months(season())
SHORTER = months(season(100))
# What has the trouble, what nearly has it, and how they are checked.
EXAMPLES: dict[str, tuple[Frame, Frame, dict[str, Any]]] = {
    "duplicate": (pd.concat([CLEAN.iloc[:6], CLEAN.iloc[5:]]), CLEAN.iloc[::-1], {}),
    "gap": (without(CLEAN, [50, 51]), CLEAN, {}),
    "irregular": (
        CLEAN.replace({"ds": {pd.Timestamp("2015-03-01"): pd.Timestamp("2015-03-09")}}),
        without(CLEAN, [50]),
        {},
    ),
    "missing": (with_missing([50, 51]), with_missing([118, 119]), {}),
    "text": (CLEAN.astype({"y": object}).replace({"y": {CLEAN["y"][7]: "n.a."}}),
             CLEAN.astype({"y": str}), {}),
    "infinite": (months(season(at7=np.inf)), months(season()), {}),
    "constant": (months(np.full(60, 3.0)), months(np.r_[np.full(30, 3.0), season(30)]), {}),
    "near-constant": (
        months(np.r_[np.full(97, 3.0), 4, 4.5, 5]),
        months(np.r_[np.full(60, 3.0), season(40)]),
        {},
    ),
    "all-zero": (months(np.zeros(60)), months(np.full(60, 1e-3)), {}),
    "intermittent": (months(zeros(0.6)), months(zeros(0.1)), {}),
    "negative": (months(np.r_[zeros(0.2), -3]), months(zeros(0.2)), {}),
    "short": (months(season(20)), months(season(24)), {"h": 6}),
    "level-shift": (months(shifted(40)), months(season() + 0.5 * np.arange(120)), {}),
    "outlier": (months(season(at50=300)), months(season(at50=101)), {}),
    "frequency-conflict": (
        panel_of(
            days=pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=366), "y": season(366)}),
            months=months(season(12), "2020-01-31"),
        ),
        panel_of(a=CLEAN, b=without(CLEAN, [3, 4, 9])),
        {},
    ),
    "ends-early": (panel_of(a=CLEAN, b=SHORTER), panel_of(a=CLEAN, b=CLEAN.iloc[20:]), {}),
    "covariate-short": (ahead(11), ahead(12), FUTURE),
    "covariate-leak": (
        months(season(), x=np.r_[season()[2:], 0, 0]),
        months(season(), x=np.r_[0, 0, season()[:-2]]),
        {"past_covariates": ["x"]},
    ),
    "covariate-constant": (
        months(season(), x=7), months(season(), x=noise() > 0), {"past_covariates": ["x"]},
    ),
    "id-like": (rows_of([f"row {k}" for k in range(9)]), rows_of(["a"] * 9), {}),
    "id-looks-like-values": (rows_of(list(noise(9))), rows_of([1.0] * 9), {}),
    "large-integers": (
        months(2**60 + np.arange(60) ** 2 * 10**15), months(np.arange(60) ** 2 * 2**40), {},
    ),
    "scale": (
        panel_of(a=months(season()), b=months(1e4 * season(seed=1))),
        panel_of(a=months(season()), b=months(1e2 * season(seed=1))),
        {},
    ),
    "trailing-empty": (with_missing([118, 119]), with_missing([0, 1]), {}),
    "season": (
        pd.DataFrame({"ds": np.arange(120), "y": season()}),
        pd.DataFrame({"ds": np.arange(120), "y": noise().cumsum()}),
        {},
    ),
    "covariate-ahead": (ahead(7), ahead(0), {"future_covariates": ["x"]}),
}  # fmt: skip
# What else the example cannot but show.
ALSO = {
    "text": {"missing"},
    "infinite": {"missing"},
    "irregular": {"gap"},
    "frequency-conflict": {"ends-early", "short"},
    "id-like": set[str](),
}
# What the near miss is, instead.
INSTEAD = {
    "irregular": {"gap"},
    "missing": {"trailing-empty"},
    "duplicate": {"unsorted"},
    "constant": {"level-shift"},
    "near-constant": {"level-shift"},
    "all-zero": {"constant"},
    "frequency-conflict": {"gap"},
    "short": set[str](),
    "covariate-ahead": {"covariate-short"},
    "id-like": {"constant", "short"},
    "id-looks-like-values": {"constant", "short"},
}


@pytest.mark.parametrize("code", EXAMPLES)
def test_each_trouble_is_found_and_nothing_else(code: str) -> None:
    df, _, how = EXAMPLES[code]
    codes = found(check(df, **how))
    assert code in codes
    assert codes <= {code} | ALSO.get(code, set())


@pytest.mark.parametrize("code", EXAMPLES)
def test_its_near_miss_is_not(code: str) -> None:
    _, df, how = EXAMPLES[code]
    codes = found(check(df, **how))
    assert code not in codes
    assert codes <= INSTEAD.get(code, set())


SEVERE = {
    "error": {"duplicate", "irregular", "text", "infinite", "covariate-short", "id-like",
              "id-looks-like-values"},
    "info": {"gap", "missing", "intermittent", "large-integers", "scale", "trailing-empty",
             "season", "covariate-ahead"},
}  # fmt: skip


@pytest.mark.parametrize("code", EXAMPLES)
def test_how_grave_it_is(code: str) -> None:
    df, _, how = EXAMPLES[code]
    expected = next((severity for severity, x in SEVERE.items() if code in x), "warning")
    report = check(df, **how)
    findings = [finding for finding in report.findings if finding.code == code]
    assert {finding.severity for finding in findings} == {expected}
    assert report.ok == (expected != "error")
    assert all(x.message.endswith(".") and (not x.fix or x.fix.endswith(".")) for x in findings)


def test_places_name_series_stamp_and_values() -> None:
    report = check(panel_of(a=months(season(at50=300)), b=months(shifted(40))))
    outlier, shift = one(report, "outlier"), one(report, "level-shift")
    assert (outlier.series, shift.series) == ("a", "b")
    assert outlier.where.startswith("300 at 2014-03-01, around it 90.7 to 109.4")
    assert shift.where == "2015-01-01, from about 100.4 to 140.1"
    assert one(check(without(CLEAN, [50, 51])), "gap").where == (
        "2 of 120, the first 2014-03-01, all together"
    )
    assert "row 5, row 6" in one(check(EXAMPLES["duplicate"][0]), "duplicate").where
    assert one(check(months(season(at50=-9999))), "outlier").where.startswith(
        "-9,999 (often the mark of a missing value) at 2014-03-01"
    )


def test_the_worst_come_first_and_others_are_counted() -> None:
    rng = np.random.default_rng(0)
    names = {f"s{k}": months(season(seed=k, at50=150 + 20 * k)) for k in range(30)}
    names |= {f"t{k}": months(season(seed=40 + k)) for k in range(200)}
    report = check(panel_of(**{name: names[name] for name in rng.permutation(list(names))}))
    outliers = [finding for finding in report.findings if finding.code == "outlier"]
    assert len(outliers) == 21
    assert outliers[0].series == "s29"
    assert outliers[-1].series is None
    assert outliers[-1].where == "10 more series"
    assert outliers[0].message.startswith("30 of 230 series have")


def test_what_most_series_have_is_no_warning() -> None:
    report = check(panel_of(**{f"s{k}": months(season(seed=k, at50=300)) for k in range(20)}))
    assert {x.severity for x in report.findings if x.code == "outlier"} == {"info"}


def test_many_missing_values_are_a_warning() -> None:
    assert one(check(with_missing(np.arange(40, 60))), "missing").severity == "warning"
    assert one(check(with_missing(np.arange(1, 100, 7))), "missing").severity == "warning"


def test_zeros_of_a_season_are_not_intermittent() -> None:
    hours = np.arange(24 * 20) % 24
    sun = np.where((hours > 6) & (hours < 18), 1.0 + noise(480) ** 2, 0.0)
    df = pd.DataFrame({"ds": pd.date_range("2024", periods=480, freq="h"), "y": sun})
    assert "intermittent" not in found(check(df))


def test_a_missing_value_has_no_part_in_a_shift_or_outlier() -> None:
    df = months(shifted(40))
    df.loc[[20, 21, 61, 62, 90], "y"] = np.nan
    report = check(df)
    assert found(report) == {"level-shift", "missing"}


def test_the_last_value_counts_as_an_outlier() -> None:
    where = one(check(months(season(at119=300))), "outlier").where
    assert where.startswith("300 at 2019-12-01")


@pytest.mark.parametrize(("lag", "known"), [(0, False), (3, False), (-5, False), (-12, True)])
def test_leaks_of_future_covariates_name_the_lag(lag: int, known: bool) -> None:
    y = noise(200).cumsum()
    df = months(y[50:170], x=3 - 2 * y[50 + lag : 170 + lag])
    report = check(df, h=12, future_covariates=["x"], missing_future="last")
    leaks = [finding for finding in report.findings if finding.code == "covariate-leak"]
    assert len(leaks) == (not known)
    for leak in leaks:
        assert ("same step" if lag == 0 else f"{abs(lag)} steps") in leak.message
        assert f".shift({12 + lag})" in leak.fix


def test_series_that_go_alike_are_no_leak() -> None:
    y = noise(200).cumsum()
    df = months(y[:120], x=y[:120] + 0.2 * noise(120, 8), z=noise(120, 9).cumsum())
    assert found(check(df, past_covariates=["x", "z"])) == set()


def test_future_covariates_that_are_missing_are_named_with_their_stamp() -> None:
    df = ahead(12)
    df.loc[113, "x"] = np.nan
    report = check(df, **FUTURE)
    assert one(report, "covariate-short").where == "x from 2019-06-01"
    for missing_future in ("last", "seasonal"):
        assert check(df, missing_future=missing_future, **FUTURE).ok


def test_a_table_of_what_is_known_ahead(tmp_path: Path) -> None:
    df, future = months(season(), x=noise()), months(noise(12), "2020-01-01").drop(columns="y")
    future["x"] = 1.5
    assert not check(df, **FUTURE).ok
    assert check(df, future_df=future, **FUTURE).ok
    df.to_csv(tmp_path / "a.csv", index=False)
    future.to_csv(tmp_path / "b.csv", index=False)
    assert check(tmp_path / "a.csv", future_df=tmp_path / "b.csv", **FUTURE).ok
    report = check(df, future_df=future.assign(x="high"), **FUTURE)
    assert "covariate-text" in found(report)
    assert "unusable-future" in found(check(df, future_df=future.drop(columns="ds"), **FUTURE))


def test_static_covariates_that_say_nothing() -> None:
    df = panel_of(a=months(season(), size="L"), b=months(season(seed=1), size="L"))
    assert found(check(df, static_covariates=["size"])) == {"covariate-constant"}
    df.loc[df["unique_id"] == "b", "size"] = "M"
    assert found(check(df, static_covariates=["size"])) == set()


def test_series_without_history_are_told() -> None:
    new = months(np.full(12, np.nan), "2020-01-01", size="M")
    df = panel_of(a=months(season(), size="L"), b=months(season(seed=1), size="M"), c=new)
    report = check(df, static_covariates=["size"], h=12)
    assert one(report, "cold").series == "c"
    assert report.n_series == 2


def test_a_season_that_is_told_is_used() -> None:
    y = 10.0 + 50 * (np.arange(90) % 9 == 4) + noise(90)
    df = pd.DataFrame({"ds": np.arange(90), "y": y})
    assert found(check(df)) == {"season"}
    assert found(check(df, season_length=9)) == set()
    assert check(df, season_length=9).season_length == 9


# Several at once


def test_everything_is_found_at_once() -> None:
    a = months(season(at50=300)).astype({"y": object})
    a.loc[7, "y"] = "?"
    b = pd.concat([months(shifted(40)), months([1.0], "2012-01-01")])
    df = panel_of(a=a, b=b, c=without(SHORTER, [3]), d=months(np.zeros(120)))
    report = check(df, h=12)
    expected = {"text", "duplicate", "outlier", "level-shift", "ends-early", "all-zero", "missing"}
    assert expected <= found(report)
    severities = [finding.severity for finding in report.findings]
    assert severities == sorted(severities, key=("error", "warning", "info").index)
    frame = report.to_frame()
    assert list(frame.columns) == ["code", "severity", "series", "where", "message", "fix"]
    assert len(frame) == len(report.findings)
    assert frame["severity"].tolist() == severities
    text = str(report)
    for part in ("4 series", "frequency MS (months)", "2010-01-01 to 2019-12-01", "Errors",
                 "'ds'", "a: row 7 ('?')", "2 errors stop a forecast; "):  # fmt: skip
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_nothing_wrong_is_said_in_a_line() -> None:
    report = check(CLEAN)
    assert report.findings == ()
    assert report.to_frame().shape == (0, 6)
    assert str(report).splitlines() == [
        "1 series, 120 values: frequency MS (months), season of 12 steps, 2010-01-01 to "
        "2019-12-01.",
        "Columns: stamps 'ds', values 'y'.",
        "",
        "Nothing stops a forecast.",
    ]
    assert str(check(np.arange(40.0) ** 0.5)).startswith("1 series, 40 values: no stamps")


def test_every_kind_of_data_is_taken(tmp_path: Path) -> None:
    import polars as pl
    import pyarrow as pa

    df = panel_of(a=months(season(at50=300)), b=CLEAN)
    expected = check(df)
    df.to_csv(tmp_path / "a.csv", index=False)
    df.to_parquet(tmp_path / "a.parquet")
    indexed = df.set_index(["unique_id", "ds"])
    tables = (pl.from_pandas(df), pa.Table.from_pandas(df, preserve_index=False), indexed)
    for data in (*tables, tmp_path / "a.csv", str(tmp_path / "a.parquet"), [tmp_path / "a.csv"]):
        report = check(data)
        assert report.findings == expected.findings
        assert str(report) == str(expected)
    assert check(CLEAN.set_index("ds")["y"]).frequency == "MS"
    assert not check(pl.from_pandas(df).lazy()).ok


def test_a_forecast_stops_at_errors_and_notes_warnings() -> None:
    intake = Intake(Columns(future=("x",)))
    with pytest.raises(DataError, match=r"do not cover the 12 steps.*x from 2020-01-01"):
        require_sound(from_any(ahead(0), intake), 12)
    with pytest.raises(DataError, match="too short"):
        require_sound(from_any([1.0, 2.0, 3.0]), 2)
    panel = from_any(panel_of(a=months(season(at50=300)), b=CLEAN))
    (note,) = require_sound(panel, 12)
    assert note.startswith("1 of 2 series has single values far")
    assert note.endswith("around it 90.7 to 109.4).")
    assert require_sound(from_any(CLEAN), 12) == ()


def test_one_step_that_is_not_covered_is_the_step() -> None:
    panel = from_any(ahead(0), Intake(Columns(future=("x",))))
    with pytest.raises(DataError, match="do not cover the step to forecast"):
        require_sound(panel, 1)


def test_what_stands_in_for_the_future_is_noted_by_the_forecast_alone() -> None:
    panel = from_any(ahead(11), Intake(Columns(future=("x",))))
    assert require_sound(panel, 12, missing_future="last") == ()
    assert "covariate-short" in found(check(ahead(11), missing_future="last", **FUTURE))


# False alarms


def recent_walk(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    return rng.normal(size=(n, length)).cumsum(axis=1)


def volatile_walk(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    e, variance = rng.normal(size=(n, length)), np.ones(n)
    for t in range(length):
        e[:, t] *= np.sqrt(variance)
        variance = 0.05 + 0.1 * e[:, t] ** 2 + 0.85 * variance
    return e.cumsum(axis=1)


T = np.arange(1000)
PROCESSES: dict[str, tuple[Callable[[np.random.Generator, int, int], np.ndarray], int]] = {
    "noise": (lambda rng, n, k: rng.normal(size=(n, k)), 1),
    "noise with a season assumed": (lambda rng, n, k: rng.normal(size=(n, k)), 12),
    "season": (
        lambda rng, n, k: 10 * np.sin(T[:k] * np.pi / 6) + rng.normal(size=(n, k)), 12,
    ),
    "clean season": (lambda rng, n, k: np.tile(np.sin(T[:k] * np.pi / 6), (n, 1)), 12),
    "season of spikes": (lambda rng, n, k: 30 * (T[:k] % 12 == 5) + rng.normal(size=(n, k)), 12),
    "trend": (lambda rng, n, k: 0.5 * T[:k] + rng.normal(size=(n, k)), 1),
    "trend and season": (
        lambda rng, n, k: T[:k] + 10 * np.sin(T[:k] * np.pi / 6) + rng.normal(size=(n, k)), 12,
    ),
    "growing season": (
        lambda rng, n, k: np.exp(3 * T[:k] / k + 0.05 * rng.normal(size=(n, k)))
        * (1.5 + np.sin(T[:k] * np.pi / 6)),
        12,
    ),
    "growth": (lambda rng, n, k: np.exp(4 * T[:k] / k + 0.05 * rng.normal(size=(n, k))), 1),
    "walk": (recent_walk, 1),
    "walk with a season assumed": (recent_walk, 12),
    "volatile walk": (volatile_walk, 1),
    "counts": (lambda rng, n, k: rng.poisson(5, (n, k)).astype(float), 7),
}  # fmt: skip


@pytest.mark.parametrize("length", [100, 150, 1000])
@pytest.mark.parametrize("process", PROCESSES)
def test_false_alarms_are_rare(process: str, length: int) -> None:
    make, m = PROCESSES[process]
    n = 1000 if length < 1000 else 300
    y = make(np.random.default_rng(length), n, length)
    facts = examine(from_any(y), m)
    assert len(np.unique(facts.spikes[0])) <= 0.005 * n
    assert (facts.shift >= 0).sum() <= 0.005 * n


@pytest.mark.parametrize("m", [1, 12])
def test_what_can_be_seen_is_found(m: int) -> None:
    rng = np.random.default_rng(1)
    y = 10 * np.sin(T[:240] * 2 * np.pi / m) + rng.normal(size=(400, 240))
    spiked, shifted = y.copy(), y.copy()
    spiked[:, 100] += 15
    shifted[:, 120:] += 15
    series, position, _ = examine(from_any(spiked), m).spikes
    assert (position == 100).all()
    assert len(series) > 0.95 * 400
    facts = examine(from_any(shifted), m)
    assert (np.abs(facts.shift - 120) <= 2).mean() > 0.95
    assert not len(facts.spikes[0])
    assert np.nanmedian(facts.after - facts.before) == pytest.approx(15, abs=0.5)


def test_seasons_are_seen_where_there_are_some() -> None:
    rng = np.random.default_rng(2)
    t, e = T[:200], rng.normal(size=(20, 200))
    assert season_of(from_any(8 * np.sin(t * 2 * np.pi / 12) + e)) == 12
    assert season_of(from_any(5.0 * (t % 7 < 2) + e)) == 7
    for y in (e, e.cumsum(axis=1), e + t, np.sin(t / 40) + 0.1 * e, np.ones((2, 50))):
        assert season_of(from_any(y)) is None


def test_a_series_is_judged_the_same_among_others() -> None:
    rng = np.random.default_rng(4)
    lengths = rng.integers(1, 400, 60)
    frames = {f"s{k}": months(rng.normal(size=n), "1900-01-01") for k, n in enumerate(lengths)}
    for k in range(0, 60, 5):
        frames[f"s{k}"].iloc[len(frames[f"s{k}"]) // 2, 1] = 40.0
    frames["s7"] = months(shifted(40), "1900-01-01")
    together = from_any(panel_of(**frames))
    facts = examine(together, 12)
    series, position, off = facts.spikes
    for i, df in enumerate(frames.values()):
        alone = examine(from_any(df), 12)
        for name, x in alone._asdict().items():
            if name != "spikes":
                np.testing.assert_array_equal(x[0], getattr(facts, name)[i], name)
        np.testing.assert_array_equal(alone.spikes[1], position[series == i])
        np.testing.assert_array_equal(alone.spikes[2], off[series == i])


# Rubbish


RUBBISH: list[Any] = [
    pd.DataFrame(),
    pd.DataFrame({"ds": [], "y": []}),
    pd.DataFrame({"a": [1]}),
    pd.DataFrame({"ds": [1], "y": [1]}),
    pd.DataFrame({"ds": [1, 1], "y": [1, 2]}),
    pd.DataFrame({"ds": ["x", "y"], "y": [1, 2]}),
    pd.DataFrame({"ds": [None, None], "y": [1, 2]}),
    pd.DataFrame({"ds": ["2024-01-01"], "y": [1]}),
    pd.DataFrame({"ds": ["2024-01-01", "2024-01-02"], "y": ["a", "b"]}),
    pd.DataFrame({"ds": ["2024-01-01", "2024-01-02"], "y": [None, None]}),
    pd.DataFrame({"ds": ["2024-01-01", "2024-01-02"], "y": [np.inf, -np.inf]}),
    pd.DataFrame({"ds": ["2024-01-01", "1500-01-02"], "y": [1, 2]}),
    pd.DataFrame({"ds": ["2024-01-01", "2024-13-45", ""], "y": [1, 2, 3]}),
    pd.DataFrame({"ds": [0.5, 1.5, np.nan], "y": [1, 2, 3]}),
    pd.DataFrame({"ds": [10**17, -(10**17), 3], "y": [1, 2, 3]}),
    pd.DataFrame({"ds": [1, 2, 3], "y": [1e308, -1e308, 1e300]}),
    pd.DataFrame({"ds": [1, 2, 3], "y": [5e-324, 0, -5e-324]}),
    pd.DataFrame({"ds": range(300), "y": [1e302, -1e302] * 150}),
    pd.DataFrame({"ds": range(300), "y": [1e-310 * k for k in range(300)]}),
    pd.DataFrame({"ds": range(60), "y": [[1]] * 60}),
    pd.DataFrame({"ds": range(60), "y": [True, False] * 30}),
    pd.DataFrame({"unique_id": [None] * 3, "ds": [1, 2, 3], "y": [1, 2, 3]}),
    pd.DataFrame(
        {"unique_id": pd.Series(["", " ", "\ud800"], dtype=object), "ds": [1, 2, 3], "y": [1, 2, 3]}
    ),
    pd.DataFrame({"unique_id": [np.inf, 1, 2], "ds": [1, 2, 3], "y": [1, 2, 3]}),
    pd.DataFrame({"ds": [f"{year}-01-01" for year in range(1678, 2262, 40)], "y": 1.0}),
    pd.DataFrame([[1, 2, 3]], columns=["ds", "y", "y"]),
    pd.DataFrame({"ds": pd.Categorical(["2024-01", "2024-02"]), "y": pd.Categorical(["1", "2"])}),
    pd.DataFrame({"ds": pd.to_timedelta([1, 2], unit="D"), "y": [1, 2]}),
    pd.DataFrame({"ds": [1, 2, 3, 4], "y": np.array([1 + 2j] * 4)}),
    *([], [[]], [[1, 2], [3]], "12", None, 5, object(), {"a": 1}, np.empty((0, 3)), [np.nan] * 9),
    *(np.ones((2, 2, 2)), ["a", 1], [None, "x", 3.0], np.array(["2024-01-01"], "M8[D]")),
    *(np.array([1e308, -1e308] * 30), [True, False] * 20, np.arange(3), [10**400, 1, 2]),
]


@pytest.mark.parametrize("k", range(len(RUBBISH)))
def test_rubbish_is_told_not_raised(k: int) -> None:
    data = RUBBISH[k]
    try:
        report = check(data, h=2)
    except OSError:
        assert data == "12"  # the name of a file that does not exist
        return
    assert isinstance(str(report), str)
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.ok == (not any(x.severity == "error" for x in report.findings))
    if not report.n_series:
        assert not report.ok


def test_settings_that_cannot_be_are_refused() -> None:
    for settings in (
        {"h": 0}, {"season_length": 0}, {"duplicates": "first"}, {"freq": "X"},
        {"missing_future": "zero"}, {"past_covariates": ["x"], "future_covariates": ["x"]},
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            check(CLEAN, **settings)


def test_numbers_are_written_for_people() -> None:
    from gatecast.doctor.symptoms import _number

    written = {
        0: "0", 1: "1", -1.5: "-1.5", 1234.56: "1,235", 123456789: "123,500,000",
        0.00123456: "0.001235", 1e-12: "1e-12", 3e20: "3e+20", 99.99: "99.99", 1e5: "100,000",
    }  # fmt: skip
    assert {x: _number(x) for x in written} == written


def test_a_hundred_series_take_no_loop_of_their_own() -> None:
    """As many values cost as much, in few series or in many."""
    y = np.random.default_rng(0).normal(size=2_000_000)
    panels = [from_any(y.reshape(-1, 100)), from_any(y.reshape(-1, 20_000))]
    seconds = []
    for panel in panels:
        begin = os.times().user
        diagnose(panel, 7)
        seconds.append(os.times().user - begin)
    assert seconds[0] < 5 * seconds[1] + 1


# The command


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gatecast", "check", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_says_what_it_found(csv: Path) -> None:
    done = run(csv, "-h", 12)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == csv.name
    assert lines[1].startswith("1 series, 120 values: frequency MS (months), season of 12 steps")
    assert lines[2] == "Columns: stamps 'Month', values 'Sales'."
    assert lines[-1] == "Nothing stops a forecast."


def test_the_command_ends_with_3_where_a_forecast_would_stop(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    lines = ["day,shop,sold"]
    lines += [f"2024-{m:02}-01,{shop},{m * 3 % 7}" for shop in "AB" for m in range(1, 13)]
    lines[4] = "2024-04-01,A,many"
    lines.append(lines[6])
    path.write_text("\n".join(lines))
    done = run(path, "-h", 2)
    assert done.returncode == 3
    for part in ("row 5 ('many')", "row 7, row 26", "--duplicates", "2 errors stop a forecast"):
        assert part in done.stdout
    assert run(path, "-h", 2, "--duplicates", "last").stdout.count("1 error stops") == 1


def test_json_is_one_object(csv: Path) -> None:
    done = run(csv, "-h", 200, "--json")
    assert done.returncode == 3
    report = json.loads(done.stdout)
    assert list(report) == [
        "ok", "frequency", "season_length", "series", "values", "first", "last", "findings",
    ]  # fmt: skip
    assert report["ok"] is False
    assert (report["frequency"], report["season_length"]) == ("MS", 12)
    assert (report["series"], report["values"]) == (1, 120)
    assert (report["first"], report["last"]) == ("2010-01-01", "2019-12-01")
    (short,) = report["findings"]
    assert list(short) == ["code", "severity", "series", "where", "message", "fix"]
    assert (short["code"], short["severity"]) == ("short", "error")


def test_several_files_and_covariates(tmp_path: Path) -> None:
    df = months(season(), promo=(np.arange(120) % 5 == 0) * 1)
    df.iloc[:60].to_csv(tmp_path / "a.csv", index=False)
    df.iloc[60:].to_csv(tmp_path / "b.csv", index=False)
    months(np.zeros(6), "2020-01-01", promo=1).drop(columns="y").to_csv(
        tmp_path / "next.csv", index=False
    )
    both = (tmp_path / "a.csv", tmp_path / "b.csv", "-h", 6, "--future", "promo")
    assert run(*both).returncode == 3
    done = run(*both, "--future-file", tmp_path / "next.csv")
    assert done.returncode == 0, done.stdout
    assert "known ahead 'promo'" in done.stdout


def test_wrong_usage_and_files_that_are_not_there(csv: Path, tmp_path: Path) -> None:
    for options in (("-h", 0), ("--fill", "mean"), ("--resample", "sum"), ("--freq", "X")):
        done = run(csv, *options)
        assert done.returncode == 2, options
        assert "Traceback" not in done.stderr
    assert run(tmp_path / "none.csv").returncode == 4
    (tmp_path / "empty.csv").write_text("")
    done = run(tmp_path / "empty.csv")
    assert done.returncode == 3
    assert "empty" in done.stdout
