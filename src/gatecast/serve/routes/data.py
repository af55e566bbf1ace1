"""Data in: look at them, forecast them, test models on their past."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from gatecast.serve.asked import Backtest, Check, Forecast
from gatecast.serve.describe import QUEUED, TAKES_DATA, body_of
from gatecast.serve.routes.jobs import shown
from gatecast.serve.service import Service, service_of

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["data"])


@router.post("/check", responses=TAKES_DATA, openapi_extra=body_of(Check))
async def check(request: Request) -> Any:
    """Say what was understood of data, and what is wrong with them."""
    service = service_of(request)
    async with service.inbox(request) as inbox:
        return await service.read("check", request, inbox, kind="check")


@router.post(
    "/forecast", status_code=202, responses=TAKES_DATA | QUEUED, openapi_extra=body_of(Forecast)
)
async def forecast(request: Request, response: Response) -> Any:
    """Forecast data past their end, and say how good that is: a job."""
    return await queued(service_of(request), request, response, "forecast")


@router.post(
    "/backtest", status_code=202, responses=TAKES_DATA | QUEUED, openapi_extra=body_of(Backtest)
)
async def backtest(request: Request, response: Response) -> Any:
    """Forecast the past of data with several models: a job."""
    return await queued(service_of(request), request, response, "backtest")


async def queued(
    service: Service, request: Request, response: Response, kind: str
) -> dict[str, Any]:
    """Take a job in, and say where it is."""
    job = await service.queue(request, kind)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return {"job": job.id, "state": job.state, "links": shown(service, job)["links"]}
