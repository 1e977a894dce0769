"""Names of images, read and completed as Docker and Kubernetes do.

The grammar is that of the distribution project (``github.com/distribution/reference``), which the image specification and
Kubernetes both take their names from: ``[domain/]path[:tag][@digest]``. A name without a domain belongs to ``docker.io``, one
without an owner there to ``library``, and one without tag and digest has the tag ``latest``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from oamkit.errors import InputError

__all__ = ["Reference"]

DEFAULT_DOMAIN = "docker.io"
OFFICIAL_OWNER = "library"
DEFAULT_TAG = "latest"
MAX_NAME_LENGTH = 255  # of domain and path together, as the distribution grammar has it

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PATH_PART}(?:/{_PATH_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX_ID = re.compile(r"[0-9a-f]{64}")
_HINT = "A name looks like flask-sample:v1, ghcr.io/owner/name:tag or name@sha256:<64 hexadecimal digits>."


@dataclass(frozen=True)
class Reference:
    """A completed image name.

    Attributes:
        domain: The registry's host, with its port if it has one, e.g. ``"docker.io"``.
        path: The repository there, e.g. ``"library/python"``.
        tag: The tag; ``""`` if only a digest was given.
        digest: ``"sha256:…"`` of the manifest; ``""`` if only a tag was given.

    Example:
        >>> str(Reference.parse("flask-sample:v1"))
        'docker.io/library/flask-sample:v1'
        >>> str(Reference.parse("localhost:5000/demo"))
        'localhost:5000/demo:latest'
        >>> Reference.parse("python:3.13-slim").familiar
        'python:3.13-slim'
    """

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a name as a person writes it.

        Raises:
            InputError: It isn't a valid name; the message says which part and why.
        """
        name, at, digest = text.partition("@")
        if at and not _DIGEST.fullmatch(digest):
            raise _wrong(text, f"the digest {digest!r} isn't sha256: and 64 hexadecimal digits")
        name, tag = _split_tag(name)
        if tag is not None and not _TAG.fullmatch(tag):
            raise _wrong(text, f"the tag {tag!r} isn't 1 to 128 letters, digits, '_', '.' or '-'")
        domain, path = _split_domain(name)
        if not _DOMAIN.fullmatch(domain):
            raise _wrong(text, f"{domain!r} isn't a registry's host name")
        if not _PATH.fullmatch(path):
            lower = " (capitals aren't allowed in it)" if path != path.lower() else ""
            raise _wrong(text, f"{path!r} isn't a repository's name{lower}")
        if _HEX_ID.fullmatch(name):
            raise _wrong(text, "64 hexadecimal digits alone are an image's id, not a name")
        if len(f"{domain}/{path}") > MAX_NAME_LENGTH:
            raise _wrong(text, f"the name is longer than {MAX_NAME_LENGTH} characters")
        return cls(domain, path, tag or ("" if digest else DEFAULT_TAG), digest)

    @property
    def name(self) -> str:
        """Domain and path, without tag and digest."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar(self) -> str:
        """The shortest way to write it, as ``docker images`` shows it."""
        suffix = self._suffix()
        for prefix in (f"{DEFAULT_DOMAIN}/{OFFICIAL_OWNER}/", f"{DEFAULT_DOMAIN}/"):
            short = self.name.removeprefix(prefix)
            if short != self.name and _split_domain(short) == (self.domain, self.path):
                return short + suffix  # otherwise its first part would be taken for a registry
        return self.name + suffix

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self._suffix()


def _split_tag(name: str) -> tuple[str, str | None]:
    """Split at the colon behind the last slash: one before it belongs to the registry's port."""
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return head + slash + last, tag if colon else None


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and (any(c in first for c in ".:[") or first == "localhost" or first != first.lower()):
        domain, path = first, rest
    else:
        domain, path = DEFAULT_DOMAIN, name
    if domain == "index.docker.io":  # the registry's old name
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"{OFFICIAL_OWNER}/{path}"
    return domain, path


def _wrong(text: str, why: str) -> InputError:
    return InputError(f"{text!r} isn't an image name: {why}.", hint=_HINT, code="image-name")
