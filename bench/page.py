"""The pages that benchmarks write."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

DOCS = Path(__file__).parents[1] / "docs"


def write(name: str, filters: dict[str, Any], **values: Any) -> Path:
    """Render `bench/<name>.md.j2` to docs/<name>.md; returns its path."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown of our own numbers
    )
    environment.filters.update(filters)
    path = DOCS / f"{name}.md"
    path.write_text(environment.get_template(f"{name}.md.j2").render(**values), encoding="utf-8")
    return path
