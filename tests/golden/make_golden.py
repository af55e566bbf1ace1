"""Make the golden files: what PyTorch computes, for the engine to be held against.

    pip install numpy torch==2.13.0
    python -m tests.golden.make_golden        # from the root of the repository

The committed files were made with torch 2.13.0 (CPU). They hold only what PyTorch computed, and the
case as JSON: parameters and data come from `oracle.make_problem`, the same numbers everywhere.

PyTorch computes in float64 here, and float32 is what is kept. The engine is promised to agree with
float32 PyTorch to 1e-5 of a tensor's largest element, but float32 PyTorch itself stands off by up
to 1e-5 (the biases, which it sums over 255 windows of 50 steps one by one), and differently on
every machine. The float64 result is the one that both must come near, and can be made again
anywhere. The script prints how far float32 PyTorch stands off; where it is installed, a test
compares with it live.

A file holds `outputs` [N, O], `loss` before each of ten optimiser steps on the whole batch, the
`gradients` before the first, and the `weights` after the last; both flat, in the layout's order.
`gates.safetensors` holds, of some cases, what a `torch.nn.LSTMCell` does in the first window, step
by step, and the gates that PyTorch makes of its weights: `case/layer/part` [T, H].
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import oracle

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent
STEPS = 10
QUANTILES = (0.1, 0.5, 0.9)
_STACK_ONLY = ("dilations", "every_step")


@dataclass(frozen=True)
class Case:
    name: str
    inputs: int
    hidden: tuple[int, ...]
    T: int
    N: int
    h: int
    loss: str
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip_norm: float = 0.0  # 0: off
    delta: float = 1.0
    seed: int = 0
    dilations: tuple[tuple[int, ...], ...] = ()  # by block and layer
    every_step: bool = False  # the head reads every step, and puts out h at each

    @property
    def loss_function(self) -> oracle.Loss:
        return oracle.Loss(self.loss, QUANTILES if self.loss == "pinball" else (), self.delta)

    def problem(self) -> oracle.Problem:
        head_steps = oracle.EVERY_STEP if self.every_step else 1
        return oracle.make_problem(
            self.seed,
            self.inputs,
            self.hidden,
            self.T,
            self.N,
            self.h,
            self.loss_function,
            head_steps,
            self.dilations,
        )

    def as_json(self) -> str:
        """Without what a plain stack does not have."""
        settings = asdict(self)
        return json.dumps({k: v for k, v in settings.items() if v or k not in _STACK_ONLY})


# Every stack, length, batch size, number of inputs, loss and optimiser several times, but not their
# product; few of the large stack, whose parameters are most of the bytes.
CASES = [
    Case("tutorial", 1, (5, 20), 50, 255, 1, "mse", "rmsprop", seed=1),
    Case("small_one_step", 8, (5, 20), 1, 17, 1, "huber", delta=0.4, seed=2),
    Case("small_pinball", 3, (5, 20), 7, 255, 3, "pinball", "rmsprop", clip_norm=0.02, seed=3),
    Case("small_single_window", 3, (5, 20), 50, 1, 4, "mse", weight_decay=0.1, seed=4),
    Case("odd_clipped", 8, (33,), 50, 17, 2, "mse", weight_decay=0.05, clip_norm=0.1, seed=5),
    Case("odd_mae", 1, (33,), 7, 255, 4, "mae", seed=6),
    Case("odd_huber", 3, (33,), 7, 7, 2, "huber", "rmsprop", delta=0.5, seed=7),
    Case("deep_pinball", 8, (7, 3, 9), 7, 17, 2, "pinball", weight_decay=0.01, seed=8),
    Case("deep_long", 3, (7, 3, 9), 50, 7, 3, "mae", "rmsprop", seed=9),
    Case("deep_one_step", 1, (7, 3, 9), 1, 255, 1, "mse", seed=10),
    Case("one_unit", 1, (1,), 50, 17, 1, "huber", clip_norm=0.05, seed=11),
    Case("one_unit_one_window", 1, (1,), 1, 1, 1, "pinball", seed=12),
    Case("large", 1, (64, 64), 50, 7, 12, "mse", clip_norm=0.1, weight_decay=0.01, seed=13),
    Case("large_pinball", 3, (64, 64), 7, 255, 4, "pinball", "rmsprop", 2e-4, seed=14),
    Case("dilated", 3, (7, 9), 20, 17, 2, "huber", delta=0.5, seed=15, dilations=((2, 5),)),
    Case(
        *("dilated_residual", 5, (8, 12, 7, 12), 30, 9, 3, "mse", "rmsprop"),
        clip_norm=0.1,
        seed=16,
        dilations=((1, 3), (6, 40)),
    ),
    Case(
        *("dilated_every_step", 8, (12, 12, 12), 26, 7, 2, "pinball"),
        weight_decay=0.05,
        seed=17,
        dilations=((1,), (4,), (12,)),
        every_step=True,
    ),
]


@dataclass(frozen=True)
class Golden:
    outputs: NDArray[np.float32]  # [N, O]
    loss: NDArray[np.float64]  # [STEPS]
    gradients: NDArray[np.float32]  # [n_parameters]
    weights: NDArray[np.float32]  # [n_parameters]


def read(path: Path) -> tuple[Case, Golden]:
    with np.load(path, allow_pickle=False) as file:
        settings = json.loads(str(file["case"]))
        settings["hidden"] = tuple(settings["hidden"])
        settings["dilations"] = tuple(map(tuple, settings.get("dilations", ())))
        return Case(**settings), Golden(**{n: file[n] for n in Golden.__annotations__})


def loss_of(case: Case, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """In PyTorch's own words, where it has them."""
    from torch.nn import functional

    if case.loss == "pinball":  # outputs [N, h * Q], the quantile fastest
        q = outputs.new_tensor(QUANTILES)
        error = y[:, :, None] - outputs.reshape(*y.shape, len(QUANTILES))
        return functional.relu(error).mul(q).add(functional.relu(-error).mul(1 - q)).mean()
    if case.loss == "huber":
        return functional.huber_loss(outputs, y, delta=case.delta)
    return {"mse": functional.mse_loss, "mae": functional.l1_loss}[case.loss](outputs, y)


def run_dilated(layer: torch.nn.LSTM, x: torch.Tensor, dilation: int) -> torch.Tensor:
    """Steps that are `dilation` apart are a sequence of their own."""
    import torch

    outputs = x.new_zeros(*x.shape[:2], layer.hidden_size)
    for first in range(min(dilation, x.shape[1])):
        steps = torch.arange(first, x.shape[1], dilation)
        outputs = outputs.index_add(1, steps, layer(x[:, first::dilation])[0])
    return outputs


def with_torch(case: Case, dtype: torch.dtype) -> Golden:
    import torch

    problem = case.problem()
    parameters: dict[str, torch.Tensor] = {}
    layers = []
    for k, units in enumerate(case.hidden):
        layer = torch.nn.LSTM(
            case.hidden[k - 1] if k else case.inputs, units, batch_first=True, dtype=dtype
        )
        layers.append(layer)
        # One bias is enough: PyTorch's second one stays zero.
        torch.nn.init.zeros_(layer.bias_hh_l0).requires_grad_(False)
        parameters[f"lstm.{k}.weight_ih"] = layer.weight_ih_l0
        parameters[f"lstm.{k}.weight_hh"] = layer.weight_hh_l0
        parameters[f"lstm.{k}.bias"] = layer.bias_ih_l0
    head = torch.nn.Linear(case.hidden[-1], problem.parameters["head.bias"].size, dtype=dtype)
    parameters |= {"head.weight": head.weight, "head.bias": head.bias}
    with torch.no_grad():
        for name, value in problem.parameters.items():
            parameters[name].copy_(torch.from_numpy(value))
    trained = [parameters[name] for name in problem.parameters]

    optimizer: torch.optim.Optimizer
    if case.optimizer == "adam":
        optimizer = torch.optim.AdamW(
            trained, case.learning_rate, weight_decay=case.weight_decay, eps=1e-8
        )
    else:
        optimizer = torch.optim.RMSprop(trained, case.learning_rate, alpha=0.9, eps=1e-7)

    def flat(tensors: list[torch.Tensor]) -> NDArray[np.float32]:
        return torch.cat([t.detach().reshape(-1) for t in tensors]).float().numpy()

    x, y = (torch.from_numpy(a).to(dtype) for a in (problem.x, problem.y))
    losses = []
    for step in range(STEPS):
        sequence, number = x, 0
        total = None  # of the blocks' outputs
        for block in case.dilations or [[1] * len(layers)]:
            for dilation in block:
                sequence = run_dilated(layers[number], sequence, dilation)
                number += 1
            sequence = total = sequence if total is None else total + sequence
        outputs = head(sequence).flatten(1) if case.every_step else head(sequence[:, -1])
        loss = loss_of(case, outputs, y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            first = outputs.detach().float().numpy()
            gradients = flat([p.grad for p in trained if p.grad is not None])
        if case.clip_norm:
            norm = torch.nn.utils.clip_grad_norm_(trained, case.clip_norm)
            assert norm > case.clip_norm, f"{norm=}: nothing is clipped"
        optimizer.step()
    return Golden(first, np.array(losses), gradients, flat(trained))


# What reads one value a step, so that a series can be its input.
GATES = ("tutorial", "odd_mae", "one_unit", "deep_one_step", "large")
GATES_FILE = FOLDER / "gates.safetensors"


def gates_of(case: Case) -> dict[str, NDArray[np.float32]]:
    """What happens in each layer while the first window is read, by `layer/part` [T, H]."""
    import torch

    problem = case.problem()
    p = {name: torch.from_numpy(value).double() for name, value in problem.parameters.items()}
    sequence = torch.from_numpy(problem.x[0]).double()
    parts: dict[str, list[torch.Tensor]] = {}
    with torch.no_grad():
        for k, units in enumerate(case.hidden):
            w_ih, w_hh, bias = (
                p[f"lstm.{k}.{name}"] for name in ("weight_ih", "weight_hh", "bias")
            )
            cell = torch.nn.LSTMCell(sequence.shape[1], units, dtype=torch.float64)
            cell.weight_ih.copy_(w_ih)
            cell.weight_hh.copy_(w_hh)
            cell.bias_ih.copy_(bias)
            torch.nn.init.zeros_(cell.bias_hh)
            h = c = torch.zeros(units, dtype=torch.float64)
            for x in sequence:
                pre = torch.nn.functional.linear(x, w_ih, bias) + torch.nn.functional.linear(
                    h, w_hh
                )
                i, f, g, o = pre.chunk(4)
                h, c = cell(x, (h, c))
                step = {
                    "input": i.sigmoid(),
                    "forget": f.sigmoid(),
                    "candidate": g.tanh(),
                    "output": o.sigmoid(),
                    "cell": c,
                    "hidden": h,
                }
                for name, value in step.items():
                    parts.setdefault(f"{k}/{name}", []).append(value)
            sequence = torch.stack(parts[f"{k}/hidden"])
    return {name: torch.stack(steps).float().numpy() for name, steps in parts.items()}


def make_gates() -> None:
    from safetensors.numpy import save_file

    cases = [case for case in CASES if case.name in GATES]
    named = {f"{case.name}/{k}": part for case in cases for k, part in gates_of(case).items()}
    save_file(named, GATES_FILE)


def main() -> None:
    import torch

    torch.set_num_threads(1)
    make_gates()
    for case in CASES:
        truth, single = with_torch(case, torch.float64), with_torch(case, torch.float32)
        path = FOLDER / f"{case.name}.npz"
        np.savez_compressed(path, case=np.array(case.as_json()), **vars(truth))
        shapes = case.problem().shapes
        off = []
        for name in ("gradients", "weights"):
            a, b = (oracle.unflatten(getattr(g, name), shapes) for g in (single, truth))
            off.append(max(np.abs(a[n] - b[n]).max() / max(np.abs(b[n]).max(), 1e-30) for n in a))
        print(
            f"{case.name:20} {path.stat().st_size:7} bytes, loss {truth.loss[0]:.4f} to "
            f"{truth.loss[-1]:.4f}, float32 off by {off[0]:.0e} (gradients), {off[1]:.0e} (weights)"
        )


if __name__ == "__main__":
    main()
