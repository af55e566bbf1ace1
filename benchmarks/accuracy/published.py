"""Published scores, beside which ours are printed, each with its source."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Row", "rows"]

_M4 = "M4 organisers"
_GIFT = "GIFT-Eval results"
_NBEATS = "N-BEATS repository and paper"
_SEGRNN = "SegRNN repository"
_LTSF = "LTSF-Linear repository"


@dataclass(frozen=True)
class Row:
    """A method's scores, by the name of their column; what was not published is not there."""

    method: str
    source: str
    scores: dict[str, float] = field(default_factory=dict)


# Yearly, weekly, hourly of sMAPE, MASE, OWA (M4-methods, "Evaluation and Ranks.xlsx").
_M4_ROWS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "ES-RNN (winner)": ((13.176, 7.817, 9.328), (2.980, 2.356, 0.893), (0.778, 0.851, 0.440)),
    "FFORMA (second)": ((13.528, 7.625, 11.506), (3.060, 2.108, 0.819), (0.799, 0.796, 0.484)),
    "Theta": ((14.593, 9.093, 18.138), (3.382, 2.637, 2.455), (0.872, 0.971, 1.006)),
    "Comb": ((14.848, 8.944, 22.053), (3.280, 2.432, 4.582), (0.867, 0.926, 1.556)),
    "Naive2": ((16.342, 9.161, 18.383), (3.974, 2.777, 2.395), (1.0, 1.0, 1.0)),
    "MLP benchmark": ((21.764, 21.349, 13.842), (4.946, 13.568, 2.607), (1.288, 3.608, 0.921)),
    "RNN benchmark": ((22.398, 15.22, 14.698), (4.946, 5.132, 3.048), (1.308, 1.755, 1.036)),
}
_M4_PLACES = ("m4-yearly", "m4-weekly", "m4-hourly")
_M4_OWA = {
    ("ProLogistica", _M4): (0.820, 0.766, 0.444),
    ("ES-RNN, one network, PyTorch", "esrnn_torch README"): (0.785, 0.952, 0.615),
}
_M4_MASE = {
    "AutoETS": (3.08, 2.55, 1.61),
    "AutoARIMA": (3.71, 2.36, 1.03),
    "DeepAR": (3.40, 4.62, 3.53),
    "N-BEATS, one network": (3.15, 1.97, 1.34),
    "xLSTM-Mixer": (2.98, 2.00, 3.26),
    "TiRex (pretrained)": (3.36, 1.99, 0.722),
}

# sMAPE of yearly, quarterly, monthly, other, all (N-BEATS paper, table 14).
_M3_COLUMNS = ("yearly", "quarterly", "monthly", "other", "all")
_M3_ROWS: dict[str, tuple[float | None, ...]] = {
    "Naive2": (17.88, 9.95, 16.91, 6.30, 15.47),
    "ForecastPro": (17.14, 9.77, 13.86, 4.60, 13.19),
    "Theta": (16.90, 8.96, 13.85, 4.41, 13.01),
    "DOTM": (15.94, 9.28, 13.74, 4.58, 12.90),
    "LGT": (15.23, None, None, 4.26, None),
    "N-BEATS, 360 networks": (15.93, 8.84, 13.11, 4.24, 12.37),
}

# MSE at 96, 192, 336 and 720 steps.
_LONG_ROWS: dict[str, dict[tuple[str, str], tuple[float, ...]]] = {
    "etth1": {
        ("SegRNN, lookback 720", _SEGRNN): (0.351, 0.392, 0.423, 0.466),
        ("SegRNN, lookback 96", _SEGRNN): (0.368, 0.408, 0.444, 0.446),
        ("PatchTST", _SEGRNN): (0.375, 0.418, 0.462, 0.495),
        ("DLinear", _SEGRNN): (0.381, 0.419, 0.454, 0.499),
        ("iTransformer", _SEGRNN): (0.396, 0.430, 0.480, 0.700),
        ("DeepAR", _SEGRNN): (1.097, 1.080, 1.076, 1.079),
        ("GRU", _SEGRNN): (1.135, 1.123, 1.080, 1.089),
        ("NHITS", "neuralforecast repository"): (0.378, 0.427, 0.458, 0.561),
    },
    "ettm1": {
        ("SegRNN, lookback 720", _SEGRNN): (0.293, 0.328, 0.357, 0.410),
        ("SegRNN, lookback 96", _SEGRNN): (0.330, 0.369, 0.399, 0.454),
        ("PatchTST", _SEGRNN): (0.300, 0.339, 0.368, 0.420),
        ("DLinear", _SEGRNN): (0.307, 0.337, 0.371, 0.416),
        ("iTransformer", _SEGRNN): (0.314, 0.349, 0.381, 0.448),
        ("DeepAR", _SEGRNN): (1.153, 1.292, 1.199, 1.193),
        ("GRU", _SEGRNN): (0.953, 1.124, 1.200, 1.173),
        ("NHITS", "neuralforecast repository"): (0.302, 0.347, 0.369, 0.431),
    },
    "exchange": {
        ("Repeat last", _LTSF): (0.081, 0.167, 0.305, 0.823),
        ("NLinear", _LTSF): (0.081, 0.157, 0.305, 0.643),
        ("DLinear", _LTSF): (0.089, 0.180, 0.331, 1.033),
    },
}
_LONG_MAE = {
    ("etth1", "SegRNN, lookback 720"): (0.392, 0.414, 0.433, 0.472),
    ("ettm1", "SegRNN, lookback 720"): (0.354, 0.378, 0.399, 0.430),
}
_LONG_MEAN = {
    "etth1": {"xLSTM-Mixer": 0.397},
    "ettm1": {"xLSTM-Mixer": 0.339},
    "etth2": {"xLSTM-Mixer": 0.340},
    "ettm2": {"xLSTM-Mixer": 0.248},
    "exchange": {"iTransformer": 0.360, "PatchTST": 0.367},
}


def rows(task: str) -> list[Row]:
    """Return what was published for a task.

    Columns are ``smape``, ``mase``, ``owa``; ``yearly``, ... ``all`` (sMAPE) for M3; ``mse 96``,
    ``mae 96``, ..., ``mse mean`` for long horizons. A part of a competition has none.
    """
    if task in _M4_PLACES:
        return _m4(_M4_PLACES.index(task), task)
    if task == "m3" or task.startswith("m3-"):
        return _m3(task.partition("-")[2])
    found = []
    for (method, source), mse in _LONG_ROWS.get(task, {}).items():
        scores = {f"mse {h}": x for h, x in zip((96, 192, 336, 720), mse, strict=True)}
        mae = _LONG_MAE.get((task, method), ())
        scores |= {f"mae {h}": x for h, x in zip((96, 192, 336, 720), mae, strict=False)}
        found.append(Row(method, source, scores | {"mse mean": sum(mse) / 4}))
    for method, mean in _LONG_MEAN.get(task, {}).items():
        source = "iTransformer repository" if task == "exchange" else "xLSTM-Mixer paper"
        found.append(Row(method, source, {"mse mean": mean}))
    return found


def _m4(k: int, task: str) -> list[Row]:
    found = [
        Row(name, _M4, {"smape": smape[k], "mase": mase[k], "owa": owa[k]})
        for name, (smape, mase, owa) in _M4_ROWS.items()
    ]
    if task == "m4-yearly":
        found.append(Row("N-BEATS, 360 networks", _NBEATS, {"smape": 12.991, "owa": 0.762}))
    found += [Row(name, source, {"owa": owa[k]}) for (name, source), owa in _M4_OWA.items()]
    found += [Row(name, _GIFT, {"mase": mase[k]}) for name, mase in _M4_MASE.items()]
    return sorted(found, key=lambda row: (row.scores.get("owa", 9), row.scores.get("mase", 99)))


def _m3(part: str) -> list[Row]:
    found = []
    for name, smapes in _M3_ROWS.items():
        scores = {c: x for c, x in zip(_M3_COLUMNS, smapes, strict=True) if x is not None}
        if part:
            scores = {"smape": scores[part]} if part in scores else {}
        if scores:
            found.append(Row(name, _NBEATS, scores))
    return found
