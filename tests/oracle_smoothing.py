"""Exponential smoothing as the books write it: float64, one step after another, slow.

Written from the equations (Hyndman, Koehler, Ord & Snyder 2008, table 2.2), not from the engine.
"""

from __future__ import annotations

import numpy as np


def run(y, trend, season, m, coefficients, state):
    """Go through ``y``; return the one-step errors and the state after the last value.

    ``state`` is level, trend, and the season of the next ``m`` steps; ``coefficients`` are alpha,
    beta, gamma, phi.
    """
    alpha, beta, gamma, phi = coefficients
    level, slope, cycle = state[0], state[1], list(state[2:])
    errors = []
    for value in y:
        if trend == "additive":
            damped = phi * slope
            base = level + damped
        elif trend == "multiplicative":
            damped = slope**phi
            base = level * damped
        else:
            damped, base = slope, level
        now = cycle.pop(0) if cycle else None
        forecast = {"none": lambda b, s: b, "additive": lambda b, s: b + s}.get(
            season, lambda b, s: b * s
        )(base, now)
        error = value - forecast
        errors.append(error)
        if np.isnan(error):
            level, slope = base, damped
        else:
            without_season = error / now if season == "multiplicative" else error
            if trend == "additive":
                slope = damped + beta * without_season
            elif trend == "multiplicative":
                slope = damped + beta * without_season / level
            level = base + alpha * without_season
            if season == "additive":
                now = now + gamma * error
            elif season == "multiplicative":
                now = now + gamma * error / base
        if now is not None:
            cycle.append(now)
    return np.array(errors), np.array([level, slope, *cycle])


def ahead(trend, season, phi, state, h):
    """Forecast by going on without corrections."""
    nothing = np.full(h, np.nan)
    forecasts = []
    for _ in nothing:
        # What a value of 0 would have been off by is the forecast.
        error, _after = run([0.0], trend, season, 0, (0, 0, 0, phi), state)
        forecasts.append(-error[0])
        state = run([np.nan], trend, season, 0, (0, 0, 0, phi), state)[1]
    return np.array(forecasts)
