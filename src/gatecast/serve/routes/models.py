"""Models: fit, name, list, let go on, delete."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from gatecast.serve.asked import Fit, Keep, Predict, asked_of
from gatecast.serve.data import JSON, read_json
from gatecast.serve.describe import ERRORS, QUEUED, TAKES_DATA, body_of
from gatecast.serve.routes.data import queued
from gatecast.serve.service import Service, sent_of, service_of
from gatecast.serve.tasks import ANSWER

__all__ = ["router"]

router = APIRouter(prefix="/v1/models", tags=["models"])
_SMALL = 1_000_000  # bytes of a body that the server itself reads


@router.get("", responses=ERRORS)
def models(request: Request) -> Any:
    """List the models of the folder."""
    return {"models": service_of(request).models.all()}


@router.post(
    "",
    status_code=202,
    responses={**TAKES_DATA, **QUEUED, 201: {"description": "The model of a job is kept."}},
    openapi_extra=body_of(Fit, Keep),
)
async def fit(request: Request, response: Response) -> Any:
    """Fit a model and keep it under a name: a job. Or keep that of a forecast that is done."""
    service = service_of(request)
    if (said := await _keeps(service, request)) is not None:
        service.require_new(said.name)
        made = service.models.keep(said, service.jobs.get(said.job).id)
        response.status_code = 201
        return made
    return await queued(service, request, response, "fit")


async def _keeps(service: Service, request: Request) -> Keep | None:
    """Return what is to be kept of which job, if that is what is asked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = service.length(request)
    if kind != JSON or length is None or not 0 < length <= 4_000:
        return None
    said = read_json(await service.small_body(request))
    return asked_of(Keep, said) if "job" in said else None


@router.post("/{name}/predict", responses=TAKES_DATA, openapi_extra=body_of(Predict))
async def predict(request: Request, name: str) -> Any:
    """Forecast at once: the series that the model was fitted on, or new ones."""
    service = service_of(request)
    service.require_open()
    as_csv = "text/csv" in request.headers.get("accept", "")
    length, made = service.length(request), None
    if length is not None and length <= _SMALL and service.models.is_small(name):
        service.require_plain(request)
        body = await service.small_body(request)
        made = await service.models.predict(name, body, {**sent_of(request), "as_csv": as_csv})
    if made is None:
        said = {"kind": "predict", "model": str(service.models.path(name)), "as_csv": as_csv}
        async with service.inbox(request, needed=False) as inbox:
            await service.read("predict", request, inbox, **said)
            made = (inbox / ANSWER).read_bytes()
    return Response(made, media_type="text/csv" if as_csv else JSON)


@router.delete("/{name}", status_code=204, responses=ERRORS)
async def remove(request: Request, name: str) -> None:
    """Delete a model."""
    service_of(request).models.remove(name)
