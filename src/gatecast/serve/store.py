"""The folder: jobs and models, every file whole or not there, one server at a time.

::

    FOLDER/
    ├── lock
    ├── incoming/ID/      what is not a job yet; emptied at the start
    ├── scratch/          what children write on the way; emptied at the start
    ├── jobs/ID/          data.csv or data.xlsx, asked.json, job.json, and the results
    └── models/NAME.safetensors
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import IO, Any

from gatecast.atomic import write_whole
from gatecast.errors import ConfigError
from gatecast.serve.errors import taken
from gatecast.serve.tasks import ASKED

__all__ = ["Store", "new_name"]

_JOB = "job.json"
_NAME = re.compile("[0-9a-f]{16}")
_KEPT = (ASKED, _JOB, "data.csv", "data.xlsx")  # of a job without a result


class Store:
    """A folder that this server alone writes to.

    Parameters
    ----------
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        When another server uses it.
    OSError
        When it cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.jobs = self.folder / "jobs"
        self.models = self.folder / "models"
        self.scratch = self.folder / "scratch"
        self._incoming = self.folder / "incoming"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.folder)
        for folder in (self.jobs, self.models, self.scratch, self._incoming):
            folder.mkdir(exist_ok=True)
        self._empty()
        for place in (self.models, *_ours(self.jobs)):
            for part in place.glob(".gatecast-*.part"):
                part.unlink(missing_ok=True)

    def close(self) -> None:
        """Let another server have the folder."""
        self._empty()
        self._lock.close()

    def _empty(self) -> None:
        """Remove what is ours of what is on the way; the folder may hold other things, too."""
        for folder in (self.scratch, self._incoming):
            for place in _ours(folder):
                self.drop(place)

    def inbox(self) -> Path:
        """Return a new folder for a request's body."""
        folder = self._incoming / new_name()
        folder.mkdir()
        return folder

    def drop(self, folder: Path) -> None:
        """Remove a folder of :meth:`inbox`, or of a job."""
        shutil.rmtree(folder, ignore_errors=True)

    def place(self, job: str) -> Path:
        """Return the folder of a job."""
        return self.jobs / job

    def admit(self, inbox: Path, job: str, facts: dict[str, Any]) -> None:
        """Make a job of what came in: it is there with all of its files, or not at all."""
        write_whole(inbox / _JOB, json.dumps(facts).encode())
        os.replace(inbox, self.place(job))

    def write(self, job: str, facts: dict[str, Any]) -> None:
        """Write what is known of a job."""
        write_whole(self.place(job) / _JOB, json.dumps(facts).encode())

    def model(self, name: str) -> Path:
        """Return the file of a model, whose name is one (:data:`gatecast.serve.asked.NAME`)."""
        return self.models / f"{name}.safetensors"

    def keep(self, job: str, name: str) -> None:
        """Keep the model of a job under a name; a Refusal if that is taken, be it by a link."""
        if os.path.lexists(self.model(name)):
            raise taken(name)
        write_whole(self.model(name), (self.place(job) / "model.safetensors").read_bytes())

    def clear(self, job: str) -> None:
        """Remove the results of a job that did not come to its end."""
        for path in self.place(job).iterdir():
            if path.name not in _KEPT:
                with contextlib.suppress(OSError):
                    path.unlink()

    def found(self) -> list[dict[str, Any]]:
        """Return what is known of the jobs that are there; half a job is removed."""
        known = []
        for folder in _ours(self.jobs):
            try:
                facts = json.loads((folder / _JOB).read_bytes())
                facts["id"] = folder.name
                known.append(facts)
            except FileNotFoundError:
                self.drop(folder)
            except (OSError, ValueError, TypeError, RecursionError):
                continue
        return known


def new_name() -> str:
    """Return a name for a folder of ours, which no other has."""
    return secrets.token_hex(8)


def _ours(folder: Path) -> list[Path]:
    """Return the folders in a folder that have a name of ours."""
    return [
        place
        for place in folder.iterdir()
        if _NAME.fullmatch(place.name) and place.is_dir() and not place.is_symlink()
    ]


def _locked(folder: Path) -> IO[bytes]:
    file = open(folder / "lock", "ab")  # noqa: SIM115
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except OSError:
        file.close()
        raise ConfigError(
            "Another server uses this folder.", value=folder, fix="Give each a --folder of its own."
        ) from None
    return file
