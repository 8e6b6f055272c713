"""Templates and the files beside them: how a page is made, and how a browser is given its scripts and styles.

Enters: a package with `templates/` and `static/`. Leaves: HTML with every value escaped, and static files under a path
that holds the hash of all of them, so that a browser keeps them for good and never mixes two versions. Nothing is
fetched from anywhere else.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

from imbik import __version__
from imbik.core.files import digest
from imbik.web.words import Words

if TYPE_CHECKING:
    from jinja2 import Environment

_FOR_GOOD = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Pages:
    """The templates and static files of imbik.web and of one more package, which may replace them by name."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.files: Mapping[str, bytes] = {**_static("imbik.web"), **_static(package)}
        self.version = digest(*(part for name, data in sorted(self.files.items()) for part in (name, data)))[:12]

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

        return Environment(
            loader=ChoiceLoader([PackageLoader(self.package, "templates"), PackageLoader("imbik.web", "templates")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, template: str, words: Words, nonce: str, **values: object) -> str:
        """A page in the language of `words`."""
        return self._templates.get_template(template).render(
            words=words, nonce=nonce, static=f"/static/{self.version}", version=__version__, **values
        )

    def static(self, version: str, name: str) -> tuple[bytes, Mapping[str, str]] | None:
        """A static file with its headers; None for another name or version."""
        data = self.files.get(name)
        if data is None or version != self.version:
            return None
        kind = _TYPES.get(name[name.rfind(".") :]) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return data, {"content-type": f"{kind}; charset=utf-8", "cache-control": _FOR_GOOD}


def _static(package: str) -> dict[str, bytes]:
    folder = files(package).joinpath("static")
    return {item.name: item.read_bytes() for item in folder.iterdir() if item.is_file()}
