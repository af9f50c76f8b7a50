"""The application: every route behind Airflow's login and a permission, every answer with a strict policy for the browser."""

from fastapi import Depends, FastAPI, HTTPException, Request
from starlette.responses import Response

from dashboard import assets
from dashboard.access import require_reader
from dashboard.errors import LastResort, add_error_pages
from dashboard.headers import SecurityHeaders
from dashboard.pages import drift, model, overview, predictions, registry, runs

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app() -> FastAPI:
    """The application; there is no route that does not ask `require_reader` first, and none that writes."""
    app = FastAPI(title="Future Skills", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(require_reader)])
    add_error_pages(app)
    for part in (assets, overview, model, registry, drift, predictions, runs):
        app.include_router(part.router)
    app.add_api_route("/{path:path}", no_such_page, methods=METHODS)
    app.add_middleware(LastResort)
    app.add_middleware(SecurityHeaders)
    return app


def no_such_page(request: Request) -> Response:
    """Whatever no other route answers; it too is for signed-in readers, so that nobody else learns which addresses exist."""
    raise HTTPException(404, f"Nothing is at {request.url.path}: choose a page above.")


app = create_app()
