"""The files a page loads: our style and scripts, and Plotly's script out of its package; behind the login like every route."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from plotly.offline import get_plotlyjs
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
PLOTLY: Final = "plotly.min.js"
MEDIA_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}
KEPT = "private, max-age=31536000, immutable"
"""A file's address changes with its content, so that a browser may keep it."""

router = APIRouter()


@dataclass(frozen=True)
class Asset:
    """A file as it is sent, plain and compressed."""

    content: bytes
    compressed: bytes
    media_type: str
    digest: str


def asset_names() -> list[str]:
    """Every file there is."""
    return sorted([*(path.name for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES), PLOTLY])


@cache
def load_asset(name: str) -> Asset:
    """The file of that name. Raises KeyError for any other."""
    if name not in asset_names():
        raise KeyError(name)
    content = get_plotlyjs().encode() if name == PLOTLY else (STATIC / name).read_bytes()
    return Asset(content, gzip.compress(content, 6), MEDIA_TYPES[Path(name).suffix], hashlib.sha256(content).hexdigest())


def asset_url(root: str, name: str) -> str:
    """The address of a file, with its digest."""
    return f"{root}/static/{name}?v={load_asset(name).digest[:12]}"


@router.get("/static/{name}")
def static_file(request: Request, name: str) -> Response:
    """One file."""
    try:
        asset = load_asset(name)
    except KeyError:
        raise HTTPException(404, f"The dashboard has no file {name}.") from None
    headers = {"Cache-Control": KEPT, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.compressed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.content, media_type=asset.media_type, headers=headers)
