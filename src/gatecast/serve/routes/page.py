"""The page, its files and examples, and whether the server is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from gatecast.serve.describe import ERRORS, FILES
from gatecast.serve.errors import Refusal
from gatecast.serve.service import service_of
from gatecast.version import __version__

__all__ = ["router"]

router = APIRouter(tags=["page"], responses=ERRORS)

_HERE = Path(__file__).resolve().parent.parent
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".csv": "text/csv",
}


def _own(folder: str) -> dict[str, Path]:
    """The files of a folder of the package, by name: nothing else can be asked for."""
    return {path.name: path for path in (_HERE / folder).iterdir() if path.suffix in _TYPES}


def _served(folder: str, name: str) -> FileResponse:
    path = _own(folder).get(name)
    if path is None:
        raise Refusal(404, "There is no such file.", value=name[:100])
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})


@router.get("/healthz")
async def health(request: Request) -> Any:
    """Say that the server is there, how busy it is, and what it takes at most."""
    service = service_of(request)
    return {
        "status": "ok",
        "version": __version__,
        "jobs": service.jobs.counts(),
        "limits": vars(service.settings.limits),
    }


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """Return the page."""
    return _served("page", "index.html")


@router.get("/assets/plotly.js", include_in_schema=False)
async def plotly() -> Response:
    """Return the library of the charts."""
    from gatecast.serve.views import plotly_library

    headers = {"Cache-Control": "max-age=3600"}
    return Response(plotly_library(), media_type="text/javascript", headers=headers)


@router.get("/assets/{name}", include_in_schema=False)
async def asset(name: str) -> FileResponse:
    """Return a file of the page."""
    return _served("page", name)


@router.get("/v1/examples")
async def examples() -> Any:
    """List the examples."""
    return {
        "examples": [
            {"name": Path(name).stem, "file": name}
            for name in sorted(_own("examples"))
            if name.endswith(".csv")
        ]
    }


@router.get("/v1/examples/{name}.csv", response_class=Response, responses=FILES["text/csv"])
async def example(name: str) -> FileResponse:
    """Return an example."""
    return _served("examples", f"{name}.csv")
