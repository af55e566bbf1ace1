"""Scores of a cross-validation: by hand, and as another library has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import gatecast
from gatecast import ConfigError, DataError, evaluate
from gatecast.evaluation.metrics import mase, mase_scale, msis, smape
from gatecast.panel import from_any

LEVELS = {50: 1.5, 90: 4.0}
CUTOFFS = (59, 65, 71)


def crossed(seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three quarterly series, and two made-up models of three windows."""
    rng, t = np.random.default_rng(seed), np.arange(80)
    y = {
        name: level + slope * t + 5 * np.sin(t * np.pi / 2) + rng.normal(0, 2, 80)
        for name, level, slope in (("a", 50.0, 0.2), ("b", 20.0, 0.0), ("c", 3.0, -0.1))
    }
    parts = [pd.DataFrame({"unique_id": name, "ds": t, "y": values}) for name, values in y.items()]
    df = pd.concat(parts, ignore_index=True)
    parts = []
    for cutoff in CUTOFFS:
        part = df[(df["ds"] > cutoff) & (df["ds"] <= cutoff + 6)].copy()
        part.insert(2, "cutoff", cutoff)
        parts.append(part)
    cv = pd.concat(parts, ignore_index=True)
    for k, name in enumerate(("A", "B")):
        cv[name] = cv["y"] + rng.normal(0.5 * k, 3, len(cv))
        for level, half in LEVELS.items():
            cv[f"{name}-lo-{level}"] = cv[name] - half
            cv[f"{name}-hi-{level}"] = cv[name] + half
    return df, cv


# Of utilsforecast 0.2.17, whose sMAPE is a 200th and whose pinball losses are of four quantiles:
# means over series and windows, of models A and B; "wql" as if all rows were of one series.
UTILSFORECAST = {
    "mase": [0.9750745314092251, 1.1304448039587993],
    "smape": [33.77656062300632, 28.91562948038914],
    "rmse": [2.8886135017088295, 3.2149538472498347],
    "mae": [2.2883995742093375, 2.657332134363652],
    "rmsse": [0.9934681309725063, 1.1038250932556737],
    "coverage_50": [0.33333333333333326, 0.3703703703703704],
    "winkler_50": [7.545322071840608, 8.46114292817065],
    "coverage_90": [0.8333333333333335, 0.8148148148148148],
    "winkler_90": [13.19622258611769, 15.042333056519299],
    "pinball": [0.6365354118165091, 0.716850596217157],
    "wql": [0.0432269654400756, 0.04868115013420365],
}
QUANTILES = {0.05: "lo-90", 0.25: "lo-50", 0.75: "hi-50", 0.95: "hi-90"}


def winkler(df: pd.DataFrame, cv: pd.DataFrame, level: int) -> list[float]:
    """Averages of MSIS with the scale taken out of each window."""
    panel, scores = from_any(df), {"A": [], "B": []}
    for cutoff in CUTOFFS:
        seen = np.full(3, cutoff + 1)
        rows = cv[cv["cutoff"] == cutoff].sort_values(["unique_id", "ds"])
        for name, found in scores.items():
            y, lo, hi = (
                rows[column].to_numpy().reshape(3, 6)
                for column in ("y", f"{name}-lo-{level}", f"{name}-hi-{level}")
            )
            scale = mase_scale(panel, 4, seen)
            found.append(msis(y, lo, hi, scale, 1 - level / 100) * scale)
    return [float(np.mean(found)) for found in scores.values()]


def test_scores_are_those_of_another_library() -> None:
    df, cv = crossed()
    found = evaluate(cv, df, season_length=4)
    for name in UTILSFORECAST:
        if not name.startswith("winkler"):
            np.testing.assert_allclose(found[name], UTILSFORECAST[name], rtol=1e-12, err_msg=name)
    for level in LEVELS:
        np.testing.assert_allclose(winkler(df, cv, level), UTILSFORECAST[f"winkler_{level}"])


def test_scores_agree_with_the_other_library_where_it_is_installed() -> None:
    losses = pytest.importorskip("utilsforecast.losses")
    df, cv = crossed(seed=8)
    models = ["A", "B"]
    found = evaluate(cv, df, season_length=4, by="series").set_index(["unique_id", "model"])
    columns = {name: [f"{name}-{end}" for end in QUANTILES.values()] for name in models}
    theirs = {
        "mase": losses.mase(cv, models, 4, df),
        "rmsse": losses.rmsse(cv, models, 4, df),
        "mae": losses.mae(cv, models),
        "rmse": losses.rmse(cv, models),
        "smape": losses.smape(cv, models),
        "coverage_50": losses.coverage(cv, models, 50),
        "coverage_90": losses.coverage(cv, models, 90),
        "pinball": losses.mqloss(cv, columns, np.array(list(QUANTILES))),
    }
    for name, windows in theirs.items():
        expected = windows.groupby("unique_id")[models].mean().stack()
        ours = found[name].loc[expected.index]
        factor = 200 if name == "smape" else 1
        np.testing.assert_allclose(ours, expected * factor, rtol=1e-12, err_msg=name)
    levels = {level: losses.winkler_score(cv, models, level)[models].mean() for level in LEVELS}
    for level, expected in levels.items():
        np.testing.assert_allclose(winkler(df, cv, level), expected, rtol=1e-12)


def test_a_frame_of_forecasts_is_scored_by_hand() -> None:
    df = pd.DataFrame({"ds": range(1, 9), "y": [1.0, 3.0, 2.0, 4.0, 3.0, 5.0, 4.0, 6.0]})
    cv = pd.DataFrame(
        {
            "ds": [5, 6, 7, 8],
            "cutoff": [4, 4, 6, 6],
            "y": [3.0, 5.0, 4.0, 6.0],
            "Naive": [4.0, 4.0, 5.0, 5.0],
            "LSTM": [3.0, 5.0, 3.0, 3.0],
            "LSTM-lo-80": [2.0, 2.0, 2.0, 2.0],
            "LSTM-hi-80": [4.0, 4.0, 4.0, 4.0],
        }
    )
    first, second = 5 / 3, 8 / 5  # scales at the cutoffs
    found = evaluate(cv, df).set_index("model")
    np.testing.assert_allclose(found["mae"], [1.0, 1.0])
    np.testing.assert_allclose(found["rmse"], [1.0, np.sqrt((1 + 9) / 2) / 2])
    of_naive = (1 / first + 1 / second) / 2
    of_lstm = (0 + 2 / second) / 2
    np.testing.assert_allclose(found["mase"], [of_naive, of_lstm])
    np.testing.assert_allclose(found["skill"], [0, 1 - of_lstm / of_naive])
    np.testing.assert_allclose(found["coverage_80"], [np.nan, 0.5])
    np.testing.assert_allclose(found["width_80"], [np.nan, 2.0])
    scores = [(2 + 2 + 10 * 1) / 2 / first, (2 + 2 + 10 * 2) / 2 / second]
    np.testing.assert_allclose(found["msis_80"], [np.nan, np.mean(scores)])
    # of the quantiles 0.1, the lower end, and 0.9
    losses = [0.1 * (1 + 3 + 2 + 4), 0.1 * 1 + 0.9 * 1 + 0 + 0.9 * 2]
    np.testing.assert_allclose(found["pinball"], [np.nan, sum(losses) / 8])


def test_by_says_what_a_row_is_for() -> None:
    df, cv = crossed()
    panel = from_any(df)
    errors = cv.assign(A=(cv["A"] - cv["y"]).abs(), B=(cv["B"] - cv["y"]).abs())
    kept = {"metrics": ["mae", "mase", "rmse"], "season_length": 4}
    by_series = evaluate(cv, df, by="series", **kept)
    assert list(by_series.columns) == ["unique_id", "model", "mae", "mase", "rmse"]
    assert by_series["unique_id"].tolist() == ["a", "a", "b", "b", "c", "c"]
    assert by_series["model"].tolist() == ["A", "B"] * 3
    np.testing.assert_allclose(
        by_series["mae"], errors.groupby("unique_id")[["A", "B"]].mean().to_numpy().ravel()
    )
    by_cutoff = evaluate(cv, df, by="cutoff", **kept)
    assert by_cutoff["cutoff"].tolist() == [59, 59, 65, 65, 71, 71]
    rows = cv[cv["cutoff"] == 65].sort_values(["unique_id", "ds"])
    y, f = (rows[name].to_numpy().reshape(3, 6) for name in ("y", "A"))
    cut, _ = panel.drop_last(79 - 65)
    np.testing.assert_allclose(by_cutoff["mase"][2], mase(y, f, cut, 4).mean())
    by_step = evaluate(cv, df, by="step", **kept)
    assert by_step["step"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    at = errors["ds"] - errors["cutoff"] == 3
    np.testing.assert_allclose(by_step["mae"][4:6], errors.loc[at, ["A", "B"]].mean())
    squares = (errors.loc[at, "A"] ** 2).groupby(errors["unique_id"]).mean()
    np.testing.assert_allclose(by_step["rmse"][4], np.sqrt(squares).mean())
    whole = evaluate(cv, df, **kept)
    for by in (by_series, by_cutoff, by_step):
        for name in ("mae", "mase"):
            np.testing.assert_allclose(by.groupby("model")[name].mean(), whole[name])


def test_a_scale_sees_nothing_after_its_cutoff() -> None:
    df, cv = crossed()
    cv = cv[cv["cutoff"] == 59]
    poisoned = df.assign(y=df["y"].where(df["ds"] <= 59, 1e6))
    scores = [evaluate(cv, data, season_length=4) for data in (df, poisoned)]
    pd.testing.assert_frame_equal(*scores, check_exact=False, rtol=1e-9)


def test_a_window_counts_once_whatever_its_length() -> None:
    cv = pd.DataFrame(
        {
            "unique_id": ["a", "a", "a", "b"],
            "ds": [2, 3, 4, 2],
            "cutoff": 1,
            "y": 0.0,
            "Naive": [1.0, 1.0, 1.0, 3.0],
        }
    )
    assert evaluate(cv, metrics="mae")["mae"].item() == 2.0


def test_rows_without_truth_are_left_out() -> None:
    df, cv = crossed()
    late = cv["ds"] > cv["cutoff"] + 4
    some = cv.assign(y=cv["y"].mask(late))
    pd.testing.assert_frame_equal(evaluate(some, df), evaluate(cv[~late], df))


def test_rows_without_an_interval_are_left_out_of_scores_of_intervals_only() -> None:
    df, cv = crossed()
    first = cv["cutoff"] == 59
    ends = [name for name in cv if "-lo-" in name or "-hi-" in name]
    some = cv.copy()
    some.loc[first, ends] = np.nan
    found, whole, rest = evaluate(some, df), evaluate(cv, df), evaluate(cv[~first], df)
    np.testing.assert_array_equal(found["mase"], whole["mase"])
    for name in ("coverage_90", "width_90", "msis_90", "pinball", "wql"):
        np.testing.assert_allclose(found[name], rest[name])


def test_quantiles_have_columns_of_their_own_and_models_are_compared_by_what_they_share() -> None:
    cv = pd.DataFrame(
        {"ds": [2], "cutoff": [1], "y": [10.0], "A": [9.0], "B": [8.0], "C": [7.0]}
    ).assign(**{"A-q-0.1": 5.0, "A-q-0.5": 9.0, "B-q-0.5": 8.0, "B-q-0.9": 99.0})
    found = evaluate(cv)
    np.testing.assert_allclose(found["pinball"], [0.5, 1.0, np.nan])
    np.testing.assert_allclose(found["wql"], [0.1, 0.2, np.nan])


def test_wql_is_a_ratio_of_sums_over_series() -> None:
    cv = pd.DataFrame(
        {"unique_id": ["a", "b"], "ds": 2, "cutoff": 1, "y": [100.0, 0.0], "A": [90.0, 5.0]}
    )
    cv["A-q-0.5"] = cv["A"]
    assert evaluate(cv)["wql"].item() == pytest.approx(15 / 100)


def test_skill_is_against_the_baseline_that_is_better_overall_or_named() -> None:
    df, cv = crossed()
    named = cv.rename(columns=lambda name: name.replace("B", "SeasonalNaive"))
    found = evaluate(named.assign(Naive=named["y"] + 50.0), df)
    mases = found["mase"].to_numpy()
    assert found["model"].tolist() == ["A", "SeasonalNaive", "Naive"]
    np.testing.assert_allclose(found["skill"], 1 - mases / mases[1])
    against = evaluate(cv, df, baseline="A", metrics=["mase", "skill"])
    np.testing.assert_allclose(against["skill"], 1 - against["mase"] / against["mase"][0])
    assert "skill" not in evaluate(cv, df)


def test_owa_divides_averages_and_is_one_for_naive2_itself() -> None:
    df, cv = crossed()
    named = cv.rename(columns=lambda name: name.replace("B", "Naive2"))
    found = evaluate(named, df, season_length=4)
    relative = found["smape"] / found["smape"][1] + found["mase"] / found["mase"][1]
    np.testing.assert_allclose(found["owa"], relative / 2)
    assert found["owa"][1] == 1


def test_a_series_that_never_changed_is_left_out_of_scaled_scores() -> None:
    df, cv = crossed()
    flat = df[df["unique_id"] == "a"].assign(unique_id="flat", y=5.0)
    rows = cv[cv["unique_id"] == "a"].assign(unique_id="flat", y=5.0)
    more = evaluate(pd.concat([cv, rows]), pd.concat([df, flat]))
    np.testing.assert_allclose(more["mase"], evaluate(cv, df)["mase"])
    by = evaluate(pd.concat([cv, rows]), pd.concat([df, flat]), by="series")
    assert by.loc[by["unique_id"] == "flat", "mase"].isna().all()
    assert by.loc[by["unique_id"] == "flat", "mae"].notna().all()


@pytest.mark.parametrize("by", ["overall", "series", "step", "cutoff"])
def test_the_result_is_of_the_caller_s_kind(by: Any) -> None:
    df, cv = crossed()
    expected = evaluate(cv, df, by=by)
    shuffled = cv.sample(frac=1, random_state=0)  # with an index out of order
    of_polars = evaluate(pl.from_pandas(cv), pl.from_pandas(df), by=by)
    of_arrow = evaluate(pa.Table.from_pandas(cv), pa.Table.from_pandas(df), by=by)
    assert isinstance(of_polars, pl.DataFrame)
    assert isinstance(of_arrow, pa.Table)
    for found in (evaluate(shuffled, df, by=by), of_polars.to_pandas(), of_arrow.to_pandas()):
        if by == "series":
            expected, found = (
                x.sort_values(["unique_id", "model"], ignore_index=True) for x in (expected, found)
            )
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_dates_and_names_of_columns_are_the_caller_s(tz: str | None) -> None:
    df, cv = crossed()
    days = pd.Series(pd.date_range("2024-03-20", periods=80, freq="D", tz=tz))
    df, cv = (
        x.assign(ds=days[x["ds"]].to_numpy() if tz is None else days.loc[x["ds"]].array)
        for x in (df, cv)
    )
    cv = cv.assign(cutoff=days.loc[crossed()[1]["cutoff"]].array)
    names = {"unique_id": "shop", "ds": "day", "y": "sales"}
    df, cv = df.rename(columns=names), cv.rename(columns=names)
    settings = {"id_col": "shop", "time_col": "day", "target_col": "sales"}
    found = evaluate(cv, df, by="cutoff", season_length=4, **settings)
    plain = evaluate(*crossed()[::-1], by="cutoff", season_length=4)
    assert found["cutoff"].dtype == cv["cutoff"].dtype
    assert found["cutoff"].tolist() == days[plain["cutoff"]].tolist()
    pd.testing.assert_frame_equal(found.drop(columns="cutoff"), plain.drop(columns="cutoff"))
    steps = evaluate(cv, by="step", **settings)
    assert steps["step"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]


def test_months_that_are_missing_count_as_steps() -> None:
    cv = pd.DataFrame(
        {
            "ds": pd.to_datetime(["2024-02-01", "2024-04-01", "2024-05-01", "2024-06-01"]),
            "cutoff": pd.to_datetime("2024-01-01"),
            "y": 1.0,
            "Naive": 1.0,
        }
    )
    assert evaluate(cv, metrics="mae", by="step")["step"].tolist() == [1, 3, 4, 5]


def test_it_scores_what_cross_validation_returns() -> None:
    df, _ = crossed()
    cv = gatecast.cross_validation(
        ["naive", "naive2", "drift"], df, 4, n_windows=3, season_length=4
    )
    found = evaluate(cv, df, season_length=4).set_index("model")
    assert found.loc["Naive2", "owa"] == 1
    assert found.loc["Naive", "skill"] == 0
    assert not found.isna().any(axis=None)
    array = np.random.default_rng(0).normal(size=(3, 60)).cumsum(axis=1)
    cv = gatecast.cross_validation(["naive"], array, 4, n_windows=3)
    y = cv.sort_values(["unique_id", "ds"])[["y", "Naive"]].to_numpy().reshape(3, 12, 2)
    expected = smape(y[:, :, 0].reshape(9, 4), y[:, :, 1].reshape(9, 4)).mean()
    assert evaluate(cv, array)["smape"].item() == pytest.approx(expected)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown metric": ({"metrics": ["mase", "mape"]}, "'mape'.*Use some of mase"),
    "no metric": ({"metrics": []}, "metrics must be names"),
    "an unknown by": ({"by": "horizon"}, "overall, series, step or cutoff"),
    "an unknown baseline": ({"baseline": "Naive"}, "'Naive'.*Use 'A', 'B'"),
    "skill without a baseline": ({"metrics": "skill"}, "no model is called Naive"),
    "owa without Naive2": ({"metrics": "owa"}, "Naive2"),
    "an impossible season": ({"season_length": 0}, "season_length"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_setting_that_is_wrong_is_named(case: str) -> None:
    df, cv = crossed()
    settings, message = WRONG[case]
    with pytest.raises(ConfigError, match=message):
        evaluate(cv, df, **settings)


@pytest.mark.parametrize("settings", [{"metrics": ["mae", "mase"]}, {"baseline": "A"}])
def test_what_is_scaled_says_that_it_needs_the_history(settings: dict[str, Any]) -> None:
    _, cv = crossed()
    with pytest.raises(ConfigError, match=r"evaluate\(cv, df\)"):
        evaluate(cv, **settings)
    assert "mase" not in evaluate(cv)


def test_intervals_that_are_asked_for_must_be_there() -> None:
    _, cv = crossed()
    with pytest.raises(ConfigError, match="No model has intervals"):
        evaluate(cv[["unique_id", "ds", "cutoff", "y", "A"]], metrics="coverage")


def broken(cv: pd.DataFrame, case: str) -> pd.DataFrame:
    if case == "a forecast is missing":
        return cv.assign(B=cv["B"].where(cv.index != 7))
    if case == "a row is repeated":
        return pd.concat([cv, cv.iloc[[4]]], ignore_index=True)
    if case == "a row is not after its cutoff":
        return cv.assign(ds=cv["ds"].where(cv.index != 0, 59))
    if case == "there is no truth":
        return cv.assign(y=np.nan)
    if case == "a side is missing":
        return cv.drop(columns="A-hi-90")
    if case == "a model is missing":
        return cv.drop(columns="B")
    if case == "a level is impossible":
        return cv.rename(columns=lambda name: name.replace("90", "100"))
    if case == "there is no model":
        return cv[["unique_id", "ds", "cutoff", "y"]]
    if case == "there is no cutoff":
        return cv.drop(columns="cutoff")
    if case == "there is no y":
        return cv.drop(columns="y")
    if case == "a series is unknown":
        return cv.replace({"unique_id": {"b": "z"}})
    if case == "a cutoff is not in the history":
        return cv.assign(ds=cv["ds"] + 40, cutoff=cv["cutoff"] + 40)
    if case == "stamps are of another kind":
        dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(cv["ds"], unit="D")
        return cv.assign(ds=dates)
    raise ValueError(case)


BROKEN = {
    "a forecast is missing": "B has no forecast.*row 7",
    "a row is repeated": "more than one row for the same cutoff and stamp.*row 54",
    "a row is not after its cutoff": "after their cutoff.*row 0",
    "there is no truth": "no truth",
    "a side is missing": "'A-lo-90' needs a column 'A-hi-90'",
    "a model is missing": "'B-lo-50' needs a column 'B'",
    "a level is impossible": "between 0 and 100.*'A-lo-100'",
    "there is no model": "no column of a model",
    "there is no cutoff": "no column 'cutoff'",
    "there is no y": "no column 'y'",
    "a series is unknown": "no history.*'z'",
    "a cutoff is not in the history": "no such stamp as the cutoff.*row 0",
    "stamps are of another kind": "different kinds of stamps",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_frame_that_cannot_be_scored_is_refused(case: str) -> None:
    df, cv = crossed()
    with pytest.raises(DataError, match=BROKEN[case]):
        evaluate(broken(cv, case), df)


def test_ids_that_are_called_like_a_column_of_the_result_are_refused() -> None:
    df, cv = crossed()
    df, cv = (x.rename(columns={"unique_id": "model"}) for x in (df, cv))
    with pytest.raises(ConfigError, match="id_col='model'"):
        evaluate(cv, df, by="series", id_col="model")
    assert evaluate(cv, df, id_col="model")["model"].tolist() == ["A", "B"]
