"""How files are to be read, as a command's options or a request's settings say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatecast.errors import ConfigError

if TYPE_CHECKING:
    from gatecast.panel import Duplicates, Fill, Intake, Panel, Resample
    from gatecast.readers import FileFormat

__all__ = ["Reading"]

_Names = list[str] | None


@dataclass(frozen=True)
class Reading:
    """How files are read.

    Parameters
    ----------
    id_col, time_col, target_col : str, optional
        The columns of the series, the stamps and the values; found by default.
    freq, fill, duplicates, resample
        As for :meth:`gatecast.LSTM.fit`.
    past, future, static : list of str, optional
        Columns that are covariates.
    future_file : Path, optional
        A table of what the future covariates will be.
    dayfirst, sep, decimal, sheet
        As for :class:`gatecast.readers.FileFormat`.
    """

    id_col: str | None = None
    time_col: str | None = None
    target_col: str | None = None
    freq: str | None = None
    fill: Fill | None = None
    duplicates: Duplicates = "error"
    resample: Resample | None = None
    past: _Names = None
    future: _Names = None
    static: _Names = None
    future_file: Path | None = None
    dayfirst: bool = False
    sep: str | None = None
    decimal: str | None = None
    sheet: str | None = None

    def intake(self) -> Intake:
        """Return how the rows are to be taken in."""
        from gatecast.panel import Columns, Intake

        columns = Columns(
            **self._headings(),
            past=tuple(self.past or ()),
            future=tuple(self.future or ()),
            static=tuple(self.static or ()),
        )
        return Intake(columns, self.freq, self.fill, self.duplicates, self.resample)

    def format(self) -> FileFormat:
        """Return how the files are written."""
        from gatecast.readers import FileFormat

        return FileFormat(self.sep, self.decimal, self.dayfirst, self.sheet)

    def panel(self, files: Sequence[Path], usual_freq: str | int | None = None) -> Panel:
        """Read files, and what is known ahead of them."""
        from gatecast.files import read_panel

        intake = replace(self.intake(), usual_freq=usual_freq)
        panel = read_panel(files, **self._headings(), intake=intake, format=self.format())
        return self.with_future(panel)

    def with_future(self, panel: Panel) -> Panel:
        """Add what ``future_file`` says."""
        if self.future_file is None:
            return panel
        from gatecast.files import join_ahead

        return join_ahead(panel, self.future_file, self.intake(), format=self.format())

    def as_fitted(self, intake: Intake) -> Reading:
        """Fill in from what a model was fitted on; the covariates have to be the same."""
        columns = intake.columns
        for option, own, fitted in (
            ("--past", self.past, columns.past),
            ("--future", self.future, columns.future),
            ("--static", self.static, columns.static),
        ):
            if own is not None and tuple(own) != fitted:
                raise ConfigError(
                    f"{option} names other covariates than the model reads.",
                    value=", ".join(own),
                    fix=f"Leave {option} out: the model knows its own.",
                )
        return replace(
            self,
            freq=self.freq if intake.freq is None or self.freq is not None else str(intake.freq),
            fill=self.fill or intake.fill,
            duplicates=intake.duplicates if self.duplicates == "error" else self.duplicates,
            resample=self.resample or intake.resample,
            past=list(columns.past),
            future=list(columns.future),
            static=list(columns.static),
        )

    def _headings(self) -> dict[str, Any]:
        named = {"id_col": self.id_col, "time_col": self.time_col, "target_col": self.target_col}
        return {role: name for role, name in named.items() if name is not None}
