"""Metrics against their definitions, worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gatecast.evaluation.metrics import mase, rmse, smape
from gatecast.models.baselines import naive, seasonal_naive
from gatecast.panel import from_any


def test_smape_is_m4_s() -> None:
    y, f = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[2.0, 2.0], [0.0, 1.0]])
    expected = [(200 * 1 / 3 + 0) / 2, (0 + 200 * 2 / 2) / 2]
    np.testing.assert_allclose(smape(y, f), expected)


def test_mase_scales_by_the_seasonal_naive_in_sample() -> None:
    history = from_any([1.0, 5.0, 2.0, 7.0])
    y, f = np.array([[3.0, 9.0]]), np.array([[2.0, 7.0]])
    np.testing.assert_allclose(mase(y, f, history, 2), 1.5 / 1.5)
    np.testing.assert_allclose(mase(y, f, history, 1), 1.5 / ((4 + 3 + 5) / 3))


def test_when_the_history_is_constant_mase_is_undefined_and_rmse_is_not() -> None:
    history, y, f = from_any([4.0, 4.0, 4.0]), np.array([[4.0]]), np.array([[5.0]])
    assert np.isnan(mase(y, f, history, 1))[0]
    np.testing.assert_allclose(rmse(y, f), 1.0)


def test_baselines_on_series_of_unequal_length() -> None:
    df = pd.DataFrame(
        {"unique_id": list("aaaaab"), "ds": [1, 2, 3, 4, 5, 1], "y": [1.0, 2, 3, 4, 5, 9]}
    )
    panel = from_any(df)
    np.testing.assert_array_equal(naive(panel, 2), [[5, 5], [9, 9]])
    expected = [[3, 4, 5, 3, 4], [9, 9, 9, 9, 9]]  # the second is shorter than a season
    np.testing.assert_array_equal(seasonal_naive(panel, 5, 3), expected)


def test_baselines_never_repeat_a_gap() -> None:
    """The part before a hold-out may end in one, however long it is."""
    history, _ = from_any([1.0, 2.0, 3.0, *[np.nan] * 20, 4.0]).drop_last(1)
    np.testing.assert_array_equal(naive(history, 2), [[3, 3]])
    np.testing.assert_array_equal(seasonal_naive(history, 4, 3), [[3, 3, 3, 3]])
