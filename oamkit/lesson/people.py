"""People for a lesson: users of the cluster with certificates, rights and kubeconfigs of their own.

A person becomes a user as Kubernetes means it (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/):
a key that never leaves this machine, a request for a certificate, somebody's approval, and a signature by the cluster's own authority.
What the certificate says, a name and groups, is all that the cluster knows of a person; what they may do, RBAC says.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from oamkit import paths, show
from oamkit.cluster import active
from oamkit.errors import ApiError, ClusterError, CommandError, InputError, MissingToolError
from oamkit.languages import message
from oamkit.lesson.look import Look
from oamkit.show import Line, Table

__all__ = ["Person", "Refusal", "forget", "person", "rights"]

SIGNER = "kubernetes.io/kube-apiserver-client"
"""Who signs: its certificates say who somebody is, towards the API server (the page above, "Kubernetes signers")."""

LABEL = "oamkit.dev/lesson"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SECONDS = 30.0
"""How long the signature may take."""

LIFETIME = 24 * 3600
"""Seconds that a certificate is good for. It can't be taken back, so it is short."""


@dataclass(frozen=True)
class Refusal(Line):
    """Something that the API server has refused.

    Attributes:
        name: To whom.
        message: What it said.
    """

    name: str
    message: str

    def line(self) -> str:
        """Say it."""
        return f"Refused to {self.name}: {self.message}"


@dataclass(frozen=True)
class Person(Line, AbstractContextManager["Person"]):
    """A user of the cluster who isn't its administrator. In a ``with`` block, all verbs act for that person.

    Attributes:
        name: The user's name, as the cluster knows it.
        groups: The groups that the certificate says.
        kubeconfig: The person's own kubeconfig, mode 0600.

    Example::

        with anna:
            apply("flask-demo/config/component.yaml")
    """

    name: str
    groups: tuple[str, ...]
    kubeconfig: Path
    _acting: list[ExitStack] = field(default_factory=list, repr=False, compare=False)

    def line(self) -> str:
        """Say who it is."""
        return f"{self.name} (groups: {', '.join(self.groups) or 'none'}), with a kubeconfig of their own: {self.kubeconfig}"

    def __enter__(self) -> Self:
        """Begin to act for this person."""
        stack = ExitStack()
        stack.enter_context(active.acting(self.name, self.kubeconfig))
        self._acting.append(stack)
        return self

    def __exit__(self, *_: object) -> None:
        """Act for who acted before."""
        self._acting.pop().close()

    def is_refused(self, verb: Callable[..., object], *arguments: Any, **options: Any) -> Refusal:  # noqa: ANN401 - whatever the verb takes
        """Try something as this person that the API server must refuse.

        Args:
            verb: E.g. :func:`oamkit.apply`.
            *arguments: What it is called with.
            **options: What it is called with.

        Returns:
            What the API server said.

        Raises:
            ClusterError: It was allowed.
            OamKitError: It failed for another reason than missing rights.

        Example::

            anna.is_refused(apply, "flask-demo/config/definition.yaml")
        """
        try:
            with self:
                verb(*arguments, **options)
        except CommandError as error:
            if (said := _refusal(error.stderr)) is None:
                raise
            return Refusal(self.name, said)
        except ApiError as error:
            if error.status != 403:
                raise
            return Refusal(self.name, error.message)
        raise ClusterError(
            f"{self.name} was allowed to do this, and shouldn't have been.",
            hint=f"kubectl('auth', 'can-i', '--list', '--as={self.name}') shows what {self.name} may do.",
            code="not-refused",
        )


def person(name: str, *, groups: Sequence[str] = ()) -> Person:
    """Make somebody a user of the cluster in use, by a certificate; as its administrator, who approves the request.

    Args:
        name: E.g. ``"anna"``; the certificate's common name.
        groups: E.g. ``["developers"]``; the certificate's organizations.

    Returns:
        The person, with a kubeconfig in the kit's data folder. Whoever holds it is that person, for a day.

    Raises:
        InputError: The name can't be a user's here.
        ApiError: Whoever asks for it may not approve requests.
        ClusterError: The cluster doesn't sign certificates for people.
        MissingToolError: The package ``cryptography`` isn't installed.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise InputError(
            f"expected lower-case letters, got {name!r}", field="name", hint="For example: anna."
        )
    key, request = _key_and_request(name, groups)
    request_name = f"oamkit-{name}"
    _ask(request_name, name, request)
    certificate = _signed(request_name)
    file = _folder() / f"{name}.kubeconfig"
    _write_kubeconfig(file, name, certificate, key)
    return Person(name, tuple(groups), file)


def forget() -> None:
    """Delete the kubeconfigs, and with them the keys, of all people that lessons have made."""
    for file in _folder().glob("*.kubeconfig"):
        file.unlink(missing_ok=True)


def _folder() -> Path:
    return paths.data() / "people"


def rights(people: Sequence[Person], verb: str, kinds: Sequence[str]) -> Table:
    """Ask the API server who may do something, with which kinds.

    Args:
        people: The people.
        verb: E.g. ``"create"``.
        kinds: E.g. ``["components", "deployments"]``.

    Returns:
        A table with a row for each kind and a column for each person.

    Raises:
        ApiError: The API server doesn't answer such questions to us.
    """
    look = Look()
    rows = tuple(
        (
            kind,
            *(
                message("yes") if look.can(each.name, verb, kind, groups=each.groups) else "–"
                for each in people
            ),
        )
        for kind in kinds
    )
    return Table((f"may {verb}", *(each.name for each in people)), rows)


def _key_and_request(name: str, groups: Sequence[str]) -> tuple[bytes, bytes]:
    """Make a key, and what is sent for signing: the public half of it, and who it is for."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError as error:  # pragma: no cover - the course installs it
        raise MissingToolError(
            "The package cryptography isn't installed, which makes keys for people.",
            hint="Install the course as a whole: make setup, or pip install 'oamkit[lab]'.",
        ) from error
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    subject += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private, request.public_bytes(serialization.Encoding.PEM)


def _ask(request_name: str, person_name: str, request: bytes) -> None:
    """Send a request for signing, and approve it."""
    api = active.api()
    try:
        api.request("DELETE", f"{REQUESTS}/{request_name}")
    except ApiError as error:
        if error.status != 404:
            raise
    wanted = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": request_name, "labels": {LABEL: "08"}},
        "spec": {
            "signerName": SIGNER,
            "usages": ["client auth"],
            "expirationSeconds": LIFETIME,
            "request": base64.b64encode(request).decode(),
        },
    }
    show.say(f"  {person_name}: a key, and a request for a certificate …", "dim")
    made = api.request("POST", REQUESTS, body=wanted)
    made["status"] = {
        "conditions": [
            {
                "type": "Approved",
                "status": "True",
                "reason": "Lesson",
                "message": "Approved by the cluster's administrator.",
            }
        ]
    }
    api.request("PUT", f"{REQUESTS}/{request_name}/approval", body=made)
    show.say(f"  {person_name}: the request {request_name} is approved …", "dim")


def _signed(request_name: str) -> str:
    """Wait for the certificate, and return it in base64."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        status = active.api().request("GET", f"{REQUESTS}/{request_name}").get("status") or {}
        if status.get("certificate"):
            return str(status["certificate"])
        time.sleep(0.1)
    raise ClusterError(
        "The cluster doesn't sign certificates for people.",
        hint="Its controller-manager needs --cluster-signing-cert-file and --cluster-signing-key-file.",
        code="no-signer",
    )


def _write_kubeconfig(file: Path, name: str, certificate: str, key: bytes) -> None:
    """Write a kubeconfig like the administrator's, for the same cluster and another user."""
    config = yaml.safe_load(active.kubeconfig().read_text(encoding="utf-8"))
    current = next(
        each["context"] for each in config["contexts"] if each["name"] == config["current-context"]
    )
    place = next(each for each in config["clusters"] if each["name"] == current["cluster"])
    own = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [place],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": certificate,
                    "client-key-data": base64.b64encode(key).decode(),
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": place["name"], "user": name}}],
        "current-context": name,
    }
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        os.fchmod(descriptor, 0o600)
        json.dump(own, out, indent=2)


def _refusal(text: str) -> str | None:
    """Return the sentence in which the API server says what is forbidden; ``None`` if there is none.

    Example:
        >>> _refusal('Error from server (Forbidden): pods is forbidden: User "anna" cannot list resource "pods"')
        'pods is forbidden: User "anna" cannot list resource "pods"'
    """
    found = re.search(r'\S+(?: "[^"]*")? is forbidden: User .*', text)
    return found.group() if found else None
