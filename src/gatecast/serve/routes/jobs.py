"""Jobs: how they are going, their end, and what came out."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from gatecast.serve.describe import ERRORS, FILES
from gatecast.serve.errors import Refusal
from gatecast.serve.jobs import ENDED, Job
from gatecast.serve.service import Service, service_of

__all__ = ["router", "shown"]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=ERRORS)

Lang = Annotated[Literal["en", "zh"], Query(description="The language of its words.")]
_PIECE = 1 << 18  # bytes
_REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; frame-ancestors 'none'; sandbox allow-scripts allow-downloads"
)
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TABLES = {"csv": "forecast.csv", "xlsx": "forecast.xlsx"}
_ALL = _TABLES | {
    "report": "report.html",
    "model": "model.safetensors",
    "figures": "figures",
    "gates": "gates",
}
_SAID = ("problem", "value", "fix")  # of every error
_LINKS = {"forecast": _ALL, "fit": _ALL, "backtest": _TABLES}


def shown(service: Service, job: Job) -> dict[str, Any]:
    """Return what a client is told of a job, but for its result."""
    own = f"/v1/jobs/{job.id}"
    links = {"self": own, "events": f"{own}/events"}
    if job.state == "done":
        links |= {what: f"{own}/{name}" for what, name in _LINKS[job.kind].items()}
    error = None
    if job.error is not None:
        error = {name: x for name, x in job.error.items() if name in _SAID or x}
        del error["status"]
    return {
        "job": job.id,
        "kind": job.kind,
        "state": job.state,
        "title": job.title,
        "name": job.name,
        "series": job.series,
        "horizon": job.horizon,
        "progress": _progress(service, job),
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "seconds": job.seconds,
        "error": error,
        "links": links,
    }


def _progress(service: Service, job: Job) -> dict[str, Any]:
    told = {"stage": None, "done": 0, "total": 0, **job.progress}
    fraction = 1.0 if job.state == "done" else job.fraction
    return {**told, "fraction": fraction, "position": service.jobs.position(job)}


@router.get("")
async def jobs(request: Request) -> Any:
    """List the jobs, the newest first."""
    service = service_of(request)
    return {"jobs": [_brief(job) for job in service.jobs.all()]}


def _brief(job: Job) -> dict[str, Any]:
    names = ("kind", "state", "title", "name", "series", "horizon", "created", "started", "ended")
    return {"job": job.id, **{name: getattr(job, name) for name in names}}


@router.get("/{id}")
async def job(request: Request, id: str) -> Response:
    """Tell how a job is going; when it is done, with its result."""
    service = service_of(request)
    found = service.jobs.get(id)
    head = json.dumps(shown(service, found), ensure_ascii=False).encode(errors="replace")
    if found.state != "done":
        return Response(head[:-1] + b', "result": null}', media_type="application/json")
    # The result is as it was written: it may be large, and is never taken apart here.
    result = _opened(request, id, "result.json")
    return _sent(result, "application/json", before=head[:-1] + b', "result": ', after=b"}")


@router.delete("/{id}", responses={204: {"description": "It had ended, and is forgotten."}})
async def end(request: Request, id: str) -> Any:
    """Cancel a job that is queued or running; forget one that has ended."""
    service = service_of(request)
    found = service.jobs.get(id)
    if found.state in ENDED:
        service.jobs.remove(found)
        return Response(status_code=204)
    service.jobs.cancel(found)
    return {**shown(service, found), "result": None}


@router.get(
    "/{id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "Events: progress, and at last done, failed, cancelled or interrupted.",
        }
    },
)
async def events(request: Request, id: str) -> StreamingResponse:
    """Follow a job: an event at every change, until it has ended."""
    service = service_of(request)
    found = service.jobs.get(id)

    async def lines() -> AsyncIterator[str]:
        async for changed in service.jobs.news(found):
            if not changed:
                yield ": still here\n\n"
                continue
            name = found.state if found.state in ENDED else "progress"
            data = json.dumps(shown(service, found), ensure_ascii=False)
            yield f"event: {name}\ndata: {data}\n\n"

    return _Events(service, lines())


class _Events(StreamingResponse):
    """A stream that has its place from before its beginning to its end."""

    def __init__(self, service: Service, lines: AsyncIterator[str]) -> None:
        headers = {"X-Accel-Buffering": "no"}
        super().__init__(lines, media_type="text/event-stream", headers=headers)
        self._service = service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it; a Refusal before anything is sent where there is no place."""
        with self._service.jobs.listening():
            await super().__call__(scope, receive, send)


def _opened(request: Request, id: str, name: str) -> IO[bytes]:
    """Open a file of a job that is done: what is open can be read though the job is forgotten."""
    service = service_of(request)
    path = service.jobs.files(service.jobs.get(id)) / name
    try:
        return open(path, "rb", opener=_own)
    except OSError:
        raise Refusal(404, "This job has no such file.", value=name) from None


def _own(path: str, flags: int) -> int:
    """Open a file, but not what a link leads to."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _sent(
    file: IO[bytes], kind: str, *, name: str = "", before: bytes = b"", after: bytes = b""
) -> StreamingResponse:
    """Send a file, under a name where it is to be saved."""

    def pieces() -> Iterator[bytes]:
        with file:
            yield before
            while piece := file.read(_PIECE):
                yield piece
            yield after

    size = os.fstat(file.fileno()).st_size + len(before) + len(after)
    headers = {"Content-Length": str(size)} | (_named(name) if name else {})
    return StreamingResponse(pieces(), media_type=kind, headers=headers)


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@router.get("/{id}/forecast.csv", response_class=Response, responses=FILES["text/csv"])
async def table(request: Request, id: str) -> StreamingResponse:
    """Return the forecast as CSV, byte for byte as ``gatecast forecast --out`` writes it."""
    return _sent(_opened(request, id, "forecast.csv"), "text/csv", name="forecast.csv")


@router.get("/{id}/forecast.xlsx", response_class=Response, responses=FILES[_SHEET])
async def sheet(request: Request, id: str) -> StreamingResponse:
    """Return the forecast as an Excel file without formulas."""
    return _sent(_opened(request, id, "forecast.xlsx"), _SHEET, name="forecast.xlsx")


@router.get(
    "/{id}/model.safetensors",
    response_class=Response,
    responses=FILES["application/octet-stream"],
)
async def model(request: Request, id: str) -> StreamingResponse:
    """Return the model, for ``gatecast predict`` and ``gatecast.load``."""
    file = _opened(request, id, "model.safetensors")
    return _sent(file, "application/octet-stream", name="model.safetensors")


@router.get("/{id}/report.html", response_class=Response, responses=FILES["text/html"])
async def report(request: Request, id: str, lang: Lang = "en") -> Response:
    """Return the report: one page that needs nothing else."""
    from gatecast.serve.views import whole_report

    with _opened(request, id, f"report.{lang}.html") as file:
        page = await run_in_threadpool(lambda: whole_report(file.read()))
    headers = {**_named("report.html"), "Content-Security-Policy": _REPORT_POLICY}
    return Response(page, media_type="text/html", headers=headers)


@router.get("/{id}/figures")
async def figures(request: Request, id: str, lang: Lang = "en") -> StreamingResponse:
    """Return the charts, as plotly draws them."""
    return _sent(_opened(request, id, f"figures.{lang}.json"), "application/json")


@router.get("/{id}/gates")
async def gates(request: Request, id: str, lang: Lang = "en") -> Response:
    """Return what the network did while it read; 404 with the reason where there is none."""
    with _opened(request, id, f"gates.{lang}.json") as file:
        said = await run_in_threadpool(file.read)
    if said.startswith(b'{"reason"'):
        raise Refusal(404, json.loads(said)["reason"])
    return Response(said, media_type="application/json")
