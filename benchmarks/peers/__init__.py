"""Who is timed. Each library has a module here, which only its own workers import.

Such a module has a class ``Job(workload, threads, precision)`` with ``train(epochs)`` and
``forecast()``, and a function ``versions()``. ``benchmarks.worker`` calls them, and times what it
calls unless ``train`` returns its own ``seconds``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Precision = Literal["float32", "bfloat16"]

# glibc gives large blocks back to the system at once and pays for every page again. This is what
# an expert would set for PyTorch; glibc reads it when a process starts.
TUNED_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}


@dataclass(frozen=True)
class Peer:
    """One row of the table: a library, and how it is run."""

    name: str
    label: str
    library: str  # its module here, and what --python calls it
    imports: str  # what it stands and falls with
    precision: Precision = "float32"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        return self.library == "ours"


_KERAS = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

OURS = Peer("ours", "gatecast", "ours", "gatecast")
PEERS = (
    OURS,
    Peer("ours-bf16", "gatecast bf16", "ours", "gatecast", "bfloat16"),
    Peer("torch", "PyTorch", "torch", "torch"),
    Peer("torch-tuned", "PyTorch tuned", "torch", "torch", environment=TUNED_ALLOCATOR),
    Peer("torch-bf16", "PyTorch bf16", "torch", "torch", "bfloat16"),
    Peer("torch-tuned-bf16", "PyTorch tuned bf16", "torch", "torch", "bfloat16", TUNED_ALLOCATOR),
    Peer("keras", "Keras (TensorFlow)", "keras", "tensorflow", environment=_KERAS),
    Peer("jax", "JAX", "jax", "jax"),
)
