"""What a network did while it read a series: its gates, and what its forecast leans on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from numpy.typing import NDArray

    from gatecast.frequency import Frequency

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

__all__ = ["Trace"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Trace:
    """One series as a network read it for one forecast; see :meth:`gatecast.LSTM.inspect`.

    A *step* is what the network reads at once: a value, or with ``patch_size`` a patch of them. A
    network that reads on through the horizon has steps there too, where ``y`` is NaN.

    Attributes
    ----------
    unique_id : str
        The series.
    model : str
        The model's name.
    frequency : Frequency or None
        Of the series; None for arrays.
    season_length : int
        Steps per season, 1 for none.
    ds : ndarray
        Stamps of the steps ``[time]``, dates or whole numbers; of a patch its newest.
    y : ndarray
        float64 ``[time]``, the values at these stamps; NaN where missing or not yet known.
    future_ds, forecast : ndarray
        Stamps and values of the point forecast, ``[h]``.
    inputs : ndarray
        float32 ``[time, features]``: exactly what the network read, scaled.
    forget, input, output : list of ndarray
        The gates, by layer float32 ``[time, units]`` between 0 and 1: what is kept of the cell
        before, what is stored of the candidate, what of the cell is shown.
    candidate : list of ndarray
        What could be stored, between -1 and 1.
    cell, hidden : list of ndarray
        ``cell[t] = forget[t] * cell[t - 1] + input[t] * candidate[t]`` and
        ``hidden[t] = output[t] * tanh(cell[t])``, by layer ``[time, units]``. A layer with
        dilation d goes on from its state d steps before.
    patch_size : int
        How many values of the series a step is.
    dilations : tuple of int
        By layer; 1 for an LSTM.
    attribution : ndarray
        float64 ``[h, time]``: by how much a forecast step changes for each unit that the value of
        an input step is larger, through network, scaling and anchor; 0 on steps to come.
    """

    unique_id: str
    model: str
    frequency: Frequency | None
    season_length: int
    ds: NDArray[Any]
    y: Doubles
    future_ds: NDArray[Any]
    forecast: Doubles
    inputs: Floats
    forget: list[Floats]
    input: list[Floats]
    output: list[Floats]
    candidate: list[Floats]
    cell: list[Floats]
    hidden: list[Floats]
    dilations: tuple[int, ...]
    attribution: Doubles
    patch_size: int = 1

    @property
    def memory_length(self) -> list[Doubles]:
        """How long each unit remembers, in steps: by layer float64 ``[units]``.

        Of what a cell holds, the share g is left after a step, so it adds up the newest
        ``1 + g + g**2 + ... = 1 / (1 - g)`` steps (C. Tallec and Y. Ollivier, "Can recurrent neural
        networks warp time?", ICLR 2018). g is the geometric mean of the forget gate over time, so
        that the product over all steps is the true one; inf if it never forgets.
        """
        lengths = []
        for forget, dilation in zip(self.forget, self.dilations, strict=True):
            with np.errstate(divide="ignore"):
                log_kept = np.log(forget.astype(np.float64)).mean(axis=0)
                lengths.append(dilation / np.abs(np.expm1(log_kept)))
        return lengths

    def __repr__(self) -> str:
        """Say what it is of; the arrays are many."""
        units = sum(layer.shape[1] for layer in self.forget)
        return (
            f"Trace({self.unique_id!r}: {self.model} reads {len(self.ds)} steps, {units} units "
            f"in {len(self.forget)} layers, forecasts {len(self.forecast)})"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the gates and states as a frame.

        Returns
        -------
        pandas.DataFrame
            A row a layer, unit and step, in this order: ``ds, layer, unit, forget, input, output,
            cell, hidden``. Layers and units count from 0, as in the lists and arrays.
        """
        import pandas as pd

        names = ("forget", "input", "output", "cell", "hidden")
        frames = []
        for layer, forget in enumerate(self.forget):
            steps, units = forget.shape
            columns: dict[str, Any] = {
                "ds": np.tile(self.ds, units),
                "layer": layer,
                "unit": np.repeat(np.arange(units), steps),
            }
            columns |= {name: getattr(self, name)[layer].T.ravel() for name in names}
            frames.append(pd.DataFrame(columns))
        return pd.concat(frames, ignore_index=True)

    def units(self, lang: str = "en") -> pd.DataFrame:
        """Return what each unit did.

        Parameters
        ----------
        lang : {"en", "zh"}
            The language of ``role`` and ``memory``.

        Returns
        -------
        pandas.DataFrame
            A row a unit: ``layer, unit`` (from 0); ``role``, one of "resets at events" (it once
            threw away most of what it held, against its habit), "follows the season" (beyond
            chance, and the place in the season explains at least half of its movement), "remembers"
            (over a season, or a quarter of the window without one) and "reacts"; ``memory``, how
            long it remembers, in words; ``memory_length`` in steps; the means of ``forget``,
            ``input`` and ``output``; ``season_share``, what the season explains of the variance of
            its hidden state, less what chance would, NaN where the window has fewer than two
            seasons; ``n_resets`` and ``resets``, their stamps.

        Raises
        ------
        ConfigError
            There are no words in the language.
        """
        import pandas as pd

        from gatecast.gates.summary import describe_units, unit_columns
        from gatecast.report.gates_words import GateWords

        words, units = GateWords(self, lang), describe_units(self)
        frame = pd.DataFrame(unit_columns(units, self.ds))
        frame.insert(2, "role", [words.role(unit) for unit in units])
        frame.insert(3, "memory", [words.memory(unit.memory_length) for unit in units])
        return frame

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """Return everything as plain lists and numbers, for JSON.

        Parameters
        ----------
        lang : {"en", "zh"}
            The language of ``sentences`` and of what units do.

        Returns
        -------
        dict
            The fields by their names, with stamps as text; ``memory_length`` by layer; ``units``,
            the rows of :meth:`units`; ``sentences``, those of :meth:`explain`. Numbers that are not
            finite are as they are: a missing ``y``, a memory without end.

        Raises
        ------
        ConfigError
            There are no words in the language.
        """
        from gatecast.gates.summary import plain_fields
        from gatecast.plain import written

        units = self.units(lang)
        units["resets"] = [written(np.array(stamps)) for stamps in units["resets"]]
        return {
            **plain_fields(self),
            "units": units.to_dict("records"),
            "sentences": self.explain(lang),
        }

    def explain(self, lang: str = "en") -> list[str]:
        """Say in a few sentences what the gates did, and what the forecast leans on.

        Parameters
        ----------
        lang : {"en", "zh"}
            The language.

        Returns
        -------
        list of str
            Three to six sentences or pairs of them. Of seasons and resets nothing is said that the
            window does not show.

        Raises
        ------
        ConfigError
            There are no words in the language.
        """
        from gatecast.report.gates_words import explain

        return explain(self, lang)

    def plot(self, lang: str = "en") -> go.Figure:
        """Draw the gates under the series, and what the forecast leans on.

        Parameters
        ----------
        lang : {"en", "zh"}
            The language.

        Returns
        -------
        plotly.graph_objects.Figure
            Heat maps with a row a unit, those with the longest memory on top: *forget* is the
            forget gate; *store* is ``|input * candidate|``, what is really written; *focus* is the
            output gate. A button changes to candidate, cell and hidden state.

        Raises
        ------
        ConfigError
            There are no words in the language.
        """
        from gatecast.report.gates import gates_figure

        return gates_figure(self, lang)

    def report(self, path: str | os.PathLike[str], *, lang: str = "en", title: str = "") -> None:
        """Write the figure, a slider over time, and what there is to say: one HTML file.

        Parameters
        ----------
        path : str or path-like
            The file; its folder must exist.
        lang : {"en", "zh"}
            The language.
        title : str, optional
            The heading; by default it names the series.

        Raises
        ------
        ConfigError
            There are no words in the language.
        OSError
            The file cannot be written; nothing is left behind.
        """
        from gatecast.report.gates import write_gates_page

        write_gates_page(path, self, lang=lang, title=title)
