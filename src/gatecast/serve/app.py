"""The application: routes, errors in one form, and a door before all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from gatecast.errors import GatecastError
from gatecast.serve.errors import Refusal, no_disk
from gatecast.serve.routes import data, jobs, models, page
from gatecast.serve.safety import Door, error_response
from gatecast.serve.service import Service
from gatecast.serve.settings import Settings
from gatecast.serve.store import Store
from gatecast.version import __version__

__all__ = ["create_app"]

_PARTS = (page, data, jobs, models)
_SAID = {
    404: ("There is no such page.", "GET /openapi.json says what there is."),
    405: ("This is not done here.", "GET /openapi.json says what is."),
}


def create_app(settings: Settings, store: Store | None = None) -> FastAPI:
    """Make the application of a server.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        The folder, where it is taken already; else it is taken when the application is started.

    Returns
    -------
    FastAPI
        When it ends, it leaves the folder.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(settings, store or Store(settings.folder))
        await service.start()
        try:
            yield
        finally:
            await service.close()

    app = FastAPI(
        title="gatecast",
        version=__version__,
        description="Forecasts that say how good they are.",
        lifespan=life,
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,
        redoc_url=None,
    )
    for part in _PARTS:
        app.include_router(part.router)
    app.add_exception_handler(GatecastError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OSError, _disk)
    app.add_exception_handler(Exception, _fault)
    app.add_middleware(Door, settings=settings)
    return app


def _response(error: Any) -> Response:
    status, headers, body = error_response(error)
    return Response(body, status, headers)


async def _refused(request: Request, error: Exception) -> Response:
    return _response(error)


async def _disk(request: Request, error: Any) -> Response:
    return _response(no_disk(error.strerror))


async def _http(request: Request, error: Any) -> Response:
    if error.status_code == 405:  # one path has several routes, each of which knows its own
        error.headers = {"Allow": ", ".join(sorted(_methods(request)))}
    problem, fix = _SAID.get(error.status_code, (str(error.detail), None))
    value = f"{request.method} {request.url.path}"[:200]
    response = _response(Refusal(error.status_code, problem, value=value, fix=fix))
    response.headers.update(error.headers or {})
    return response


def _methods(request: Request) -> set[str]:
    routes = [
        route for part in _PARTS for route in part.router.routes if isinstance(route, APIRoute)
    ]
    return {
        method
        for route in routes
        if route.matches(dict(request.scope))[0] is Match.PARTIAL
        for method in route.methods or ()
    }


async def _invalid(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"][1:]))
    return _response(Refusal(422, f"{name}: {first['msg']}.", value=repr(first.get("input"))[:200]))


async def _fault(request: Request, error: Exception) -> Response:
    return _response(Refusal(500, "A fault of ours.", value=type(error).__name__))
