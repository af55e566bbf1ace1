"""Make sales.csv: eight years of invented monthly sales, with a trend, a season and noise.

Run ``python examples/make_sales.py`` to write it anew; it comes out the same.
"""

from pathlib import Path

import numpy as np
import pandas as pd

rng = np.random.default_rng(3)
t = np.arange(96)
level = 200 * 1.006**t
season = 1 + 0.15 * np.sin(2 * np.pi * (t - 3) / 12) + 0.10 * (t % 12 == 11)
sales = level * season * (1 + 0.02 * rng.standard_normal(96))
months = pd.period_range("2018-01", periods=96, freq="M").astype(str)
frame = pd.DataFrame({"month": months, "sales": sales.round(1)})
frame.to_csv(Path(__file__).with_name("sales.csv"), index=False)
