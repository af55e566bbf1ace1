"""The engine: arrays in, arrays out. See bindings/module.cpp and core/."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

def isa() -> str: ...
def bfloat16_by() -> str: ...
def available_isas() -> list[str]: ...
def set_isa(name: str) -> None: ...
def default_threads() -> int: ...

class Network:
    def __init__(
        self,
        input_size: int,
        hidden_size: Sequence[int],
        output_size: int,
        dropout: float = 0.0,
        precision: str = "float32",
        head_steps: int = 1,
        dilations: Sequence[Sequence[int]] = ...,
    ) -> None: ...
    @property
    def n_parameters(self) -> int: ...
    @property
    def precision(self) -> str: ...
    def layout(self) -> list[tuple[str, tuple[int, ...], int]]: ...

class Loss:
    def __init__(self, kind: str, quantiles: Sequence[float] = ..., delta: float = 1.0) -> None: ...

class Training:
    def __init__(
        self,
        *,
        epochs: int,
        batch_size: int,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        optimizer: str = "adam",
        clip_norm: float = 0.0,
        patience: int = 0,
        seed: int = 0,
        shuffle: bool = True,
        threads: int = 0,
        schedule: str = "constant",
        weight_averaging: float = 0.0,
        balance: str = "windows",
        frozen: bool = False,
    ) -> None: ...

class Windowing:
    def __init__(
        self,
        *,
        context_length: int,
        horizon: int,
        scaling: str,
        anchor: str,
        season_length: int = 1,
        mask: bool = False,
        reads_on: bool = False,
        patch_size: int = 1,
    ) -> None: ...

class Covariates:
    def __init__(
        self,
        *,
        past: Floats,
        future: Floats,
        future_begin: Indices,
        constant: Floats,
        spread: Doubles | None = None,
    ) -> None: ...

class FitResult:
    @property
    def parameters(self) -> Floats: ...
    @property
    def loss(self) -> list[float]: ...
    @property
    def validation_loss(self) -> list[float]: ...
    @property
    def best_epoch(self) -> int: ...
    @property
    def cancelled(self) -> bool: ...
    @property
    def windows(self) -> int: ...
    @property
    def validation_windows(self) -> int: ...
    @property
    def error(self) -> BaseException | None: ...

class Gradients:
    @property
    def loss(self) -> float: ...
    @property
    def outputs(self) -> Floats: ...
    @property
    def gradients(self) -> Floats: ...
    @property
    def inputs(self) -> Floats: ...

def initialise(network: Network, seed: int, head_scale: float = 1.0) -> Floats: ...
def fit(
    network: Network,
    parameters: Floats,
    loss: Loss,
    windowing: Windowing,
    values: Doubles,
    indptr: Indices,
    *,
    validation_fraction: float,
    training: Training,
    callback: Callable[[int, float, float, int], bool | None] | None = None,
    covariates: Covariates | None = None,
    windows_per_series: int | None = None,
) -> FitResult: ...
def fit_arrays(
    network: Network,
    parameters: Floats,
    x: Floats,
    y: Floats,
    loss: Loss,
    training: Training,
    *,
    weights: Floats | None = None,
    starts: NDArray[np.int32] | None = None,
) -> FitResult: ...
def gradients(
    network: Network,
    parameters: Floats,
    x: Floats,
    y: Floats,
    loss: Loss,
    *,
    weights: Floats | None = None,
    starts: NDArray[np.int32] | None = None,
    threads: int = 0,
    dropout_seed: int = 0,
) -> Gradients: ...
def dropout_mask(seed: int, step: int, layer: int, N: int, T: int, H: int, p: float) -> Floats: ...
def forecast(
    network: Network,
    parameters: Floats,
    windowing: Windowing,
    values: Doubles,
    begin: Indices,
    end: Indices,
    *,
    threads: int = 0,
    covariates: Covariates | None = None,
) -> Doubles: ...
def forecast_recursive(
    network: Network,
    parameters: Floats,
    windowing: Windowing,
    values: Doubles,
    begin: Indices,
    end: Indices,
    *,
    steps: int,
    threads: int = 0,
    covariates: Covariates | None = None,
) -> Doubles: ...
def trace(
    network: Network,
    parameters: Floats,
    windowing: Windowing,
    values: Doubles,
    *,
    wanted: Sequence[int],
    covariates: Covariates | None = None,
) -> tuple[int, Floats, list[dict[str, Floats]], Doubles, Doubles, Doubles]: ...

class Hybrid:
    def __init__(
        self,
        *,
        seasons: Sequence[int],
        context_length: int,
        horizon: int,
        positions: int = 1000,
        level_penalty: float = 0.0,
        learning_rate: float = 0.0,
        shared_rate: float = 0.0,
        random_start: bool = False,
    ) -> None: ...
    @property
    def n_parameters(self) -> int: ...

def fit_hybrid(
    network: Network,
    parameters: Floats,
    loss: Loss,
    hybrid: Hybrid,
    values: Doubles,
    indptr: Indices,
    weight: Doubles,
    series_parameters: Doubles,
    *,
    training: Training,
    callback: Callable[[int, float, float, int], bool | None] | None = None,
    features: Covariates | None = None,
) -> tuple[FitResult, Doubles]: ...
def hybrid_gradients(
    network: Network,
    parameters: Floats,
    loss: Loss,
    hybrid: Hybrid,
    values: Doubles,
    indptr: Indices,
    weight: Doubles,
    series_parameters: Doubles,
    *,
    features: Covariates | None = None,
    threads: int = 0,
) -> tuple[float, Floats, Doubles]: ...
def forecast_hybrid(
    network: Network,
    parameters: Floats,
    hybrid: Hybrid,
    values: Doubles,
    indptr: Indices,
    series_parameters: Doubles,
    *,
    features: Covariates | None = None,
    threads: int = 0,
) -> Doubles: ...
def trace_hybrid(
    network: Network,
    parameters: Floats,
    hybrid: Hybrid,
    values: Doubles,
    indptr: Indices,
    series_parameters: Doubles,
    *,
    wanted: Sequence[int],
    features: Covariates | None = None,
) -> tuple[int, Floats, list[dict[str, Floats]], Doubles, Doubles, Doubles]: ...
def smooth(
    hybrid: Hybrid, values: Doubles, indptr: Indices, series_parameters: Doubles
) -> tuple[Doubles, list[Doubles]]: ...

class SmoothingForm:
    def __init__(
        self,
        *,
        trend: str = "none",
        season: str = "none",
        damped: bool = False,
        season_length: int = 1,
    ) -> None: ...
    @property
    def n_states(self) -> int: ...

def fit_smoothing(
    form: SmoothingForm,
    values: Doubles,
    indptr: Indices,
    *,
    iterations: int = 500,
    threads: int = 0,
) -> tuple[Doubles, Doubles, Doubles, Indices, NDArray[np.uint8]]: ...
def run_smoothing(
    form: SmoothingForm,
    values: Doubles,
    indptr: Indices,
    coefficients: Doubles,
    initial_states: Doubles,
    *,
    threads: int = 0,
) -> tuple[Doubles, Doubles, NDArray[np.uint8]]: ...
def smoothing_loss(
    form: SmoothingForm, values: Doubles, coefficients: Doubles, initial_state: Doubles
) -> tuple[float, Doubles]: ...
