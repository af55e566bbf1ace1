"""Models of the folder: what there is, and predictions at once from those that are warm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatecast.serve.asked import NAME, Keep
from gatecast.serve.data import upload_of
from gatecast.serve.errors import Refusal
from gatecast.serve.settings import Settings
from gatecast.serve.store import Store
from gatecast.serve.tasks import continued, unpacked, went_on

__all__ = ["Models", "require_name"]

_SMALL_MODEL = 20_000_000  # bytes of a file that the server itself loads
_FEW_ROWS = 20_000  # of a forecast that it makes itself
_CACHED = 16  # models
_HEADER = 64_000_000  # bytes at most, of what a file says of itself


class Models:
    """The models of a folder.

    Parameters
    ----------
    settings : Settings
    store : Store
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._limits, self._store = settings.limits, store
        self._warm: OrderedDict[str, tuple[tuple[int, int], Any]] = OrderedDict()
        self._described: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
        # One after another: each takes milliseconds, and a model is used by one at a time.
        self._thread = ThreadPoolExecutor(1, "predict")

    def all(self) -> list[dict[str, Any]]:
        """Describe all models, by name."""
        there = [path.stem for path in self._store.models.glob("*.safetensors") if _is_own(path)]
        models = []
        for name in sorted(there):
            with contextlib.suppress(Refusal, FileNotFoundError):  # deleted meanwhile
                models.append(self.describe(name))
        return models

    def describe(self, name: str) -> dict[str, Any]:
        """Return what is known of a model without loading it."""
        path = self.path(name)
        version, known = _version(path), self._described.get(name)
        if known is None or known[0] != version:
            known = version, _header(path)
            self._described[name] = known
        created = datetime.fromtimestamp(version[0] / 1e9, UTC).isoformat(timespec="milliseconds")
        return {"name": name, **known[1], "created": created, "bytes": version[1]}

    def path(self, name: str) -> Path:
        """Return the file of a model; a Refusal if there is none."""
        path = self._store.model(require_name(name))
        if not _is_own(path):
            raise Refusal(
                404, "There is no such model.", value=name, fix="GET /v1/models lists them."
            )
        return path

    def there(self, name: str) -> bool:
        """Whether there is anything of this name."""
        return os.path.lexists(self._store.model(name))

    def keep(self, said: Keep, job: str) -> dict[str, Any]:
        """Keep the model of a job that is done."""
        if not (self._store.place(job) / "model.safetensors").is_file():
            raise Refusal(409, "This job has no model.", value=job)
        self._store.keep(job, said.name)
        return self.describe(said.name)

    def remove(self, name: str) -> None:
        """Delete a model."""
        self.path(name).unlink(missing_ok=True)
        self._warm.pop(name, None)
        self._described.pop(name, None)

    def is_small(self, name: str) -> bool:
        """Whether the server itself may load it."""
        return self.path(name).stat().st_size <= _SMALL_MODEL

    async def predict(self, name: str, body: bytes, sent: dict[str, Any]) -> bytes | None:
        """Forecast at once, in a thread of this process; None where a child had better do it."""
        path = self.path(name)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._predicted, name, path, body, sent)

    def _predicted(self, name: str, path: Path, body: bytes, sent: dict[str, Any]) -> bytes | None:
        upload = upload_of(body, sent["type"], sent["query"], self._limits)
        if upload.suffix == ".xlsx":  # small as it is, there may be a thousand times as much in it
            return None
        inbox = self._store.inbox() if upload.content is not None else None
        try:
            asked, data = unpacked(upload, "predict", inbox, self._limits)
            model = self._loaded(name, path)
            panel = continued(model, asked, data, self._limits)
            if panel.n_series * model.horizon(asked.h) > _FEW_ROWS:
                return None
            return went_on(model, asked, panel, as_csv=sent["as_csv"])
        finally:
            if inbox is not None:
                self._store.drop(inbox)

    def _loaded(self, name: str, path: Path) -> Any:
        from gatecast.models.persistence import load

        try:
            version = _version(path)
            known = self._warm.get(name)
            if known is None or known[0] != version:
                model = load(path)
                model.threads = 1
                known = self._warm[name] = version, model
        except FileNotFoundError:
            raise Refusal(404, "There is no such model.", value=name) from None
        self._warm.move_to_end(name)
        while len(self._warm) > _CACHED:
            self._warm.popitem(last=False)
        return known[1]

    def close(self) -> None:
        """Take no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def require_name(name: str) -> str:
    """Return a name that may be a model's; a Refusal for any other."""
    if not re.fullmatch(NAME, name):
        raise Refusal(
            422,
            "This cannot be the name of a model.",
            value=name[:100],
            fix="Use letters of English, digits, - and _, at most 64.",
        )
    return name


def _is_own(path: Path) -> bool:
    """Whether it is a file, and not a link to one elsewhere."""
    return path.is_file() and not path.is_symlink()


def _version(path: Path) -> tuple[int, int]:
    """What changes with a file."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _header(path: Path) -> dict[str, Any]:
    """Read what a model's file says of itself: its first bytes, as JSON."""
    facts: dict[str, Any] = {"model": None, "h": None, "frequency": None, "series": None}
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _HEADER)))
        said = json.loads(header["__metadata__"]["gatecast"])
        inner = said
        while inner.get("members"):
            inner = inner["members"][0]
        frequency, panel = said.get("frequency"), said.get("panel")
        facts = {
            "model": inner["model"],
            "h": said["config"].get("h") or inner["config"].get("h"),
            "frequency": frequency and (frequency["alias"] or str(frequency["step"])),
            "series": panel and len(panel["ids"]),
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        facts["problem"] = "This is not a whole gatecast model file."
    return facts
