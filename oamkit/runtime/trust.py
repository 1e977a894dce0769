"""Keeps the webhooks' certificate good, and the API server's trust in it (``caBundle``) up to date."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from oamkit.errors import ApiError, InputError, OamKitError
from oamkit.kube import Client, Informer, Object
from oamkit.oam.kinds import FIELD_MANAGER
from oamkit.runtime.certificates import CERTIFICATE, KEY, renewed, trusted
from oamkit.runtime.kinds import SECRETS, WEBHOOK_CONFIGURATIONS
from oamkit.runtime.metrics import Metrics
from oamkit.runtime.templates import Templates
from oamkit.runtime.webhooks import WebhookSettings, serving_webhooks

__all__ = ["admitting"]

log = logging.getLogger(__name__)

CHECK_SECONDS = 3600.0
"""Between two looks at how long the certificate is good."""
RETRY_SECONDS = 2.0
FILES_SECONDS = 10.0
"""Between two looks at certificates in files: a mounted Secret changes without a word."""


@asynccontextmanager
async def admitting(
    client: Client,
    settings: WebhookSettings,
    templates: Templates,
    metrics: Metrics | None = None,
) -> AsyncIterator[Callable[[], str]]:
    """Serve the webhooks while the block runs.

    Args:
        client: The open client.
        settings: How.
        templates: Asks CUE.
        metrics: Counts the reviews.

    Yields:
        A function that tells why the webhooks aren't ready; ``""`` if they are.

    Raises:
        InputError: The address is taken, or the certificate's files can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    keeper: _FileKeeper | _SecretKeeper
    if settings.cert_dir is not None:
        keeper = _FileKeeper(settings.cert_dir, context)
        keeper.load()
    else:
        keeper = _SecretKeeper(client, settings, context)
    task = asyncio.create_task(keeper.run())
    try:
        async with serving_webhooks(client, settings.address, context, templates, metrics):
            yield lambda: keeper.problem
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _FileKeeper:
    """Follows the files of a folder, e.g. a mounted Secret that cert-manager renews."""

    def __init__(self, folder: Path, context: ssl.SSLContext) -> None:
        self.problem = ""
        self._folder = folder
        self._context = context
        self._loaded: tuple[bytes, bytes] | None = None

    def load(self) -> None:
        """Load the certificate if it is another one.

        Raises:
            InputError: It can't be read.
        """
        try:
            found = tuple((self._folder / name).read_bytes() for name in (CERTIFICATE, KEY))
            if found != self._loaded:
                _load(self._context, *found)
                self._loaded = found[0], found[1]
        except OSError as error:  # ssl's errors too
            raise InputError(
                f"the webhooks' certificate can't be loaded: {error}",
                file=self._folder / CERTIFICATE,
                field="--webhook-cert-dir",
                hint="The folder must hold tls.crt and tls.key in PEM, as a Secret of type kubernetes.io/tls has them.",
            ) from error

    async def run(self) -> None:
        """Look again and again, until cancelled; what can't be read leaves the old certificate in use."""
        while True:
            await asyncio.sleep(FILES_SECONDS)
            try:
                self.load()
            except InputError as error:
                log.warning("%s", error.message)


class _SecretKeeper:
    """Makes certificates, shares them with other replicas by a Secret, and tells the API server whom to trust."""

    def __init__(self, client: Client, settings: WebhookSettings, context: ssl.SSLContext) -> None:
        self.problem = "waiting for the webhooks' certificate"
        self._client = client
        self._settings = settings
        self._context = context
        self._loaded: bytes = b""
        self._news = asyncio.Event()
        namespace, name = settings.secret
        secrets = Informer(
            client, SECRETS, namespace=namespace, field_selector=f"metadata.name={name}"
        )
        self._informers = [secrets] + [
            Informer(client, resource, field_selector=f"metadata.name={settings.configuration}")
            for resource in WEBHOOK_CONFIGURATIONS
            if settings.configuration
        ]

    async def run(self) -> None:
        """Keep everything right until cancelled."""
        for informer in self._informers:
            informer.subscribe(lambda *_: self._news.set())
            informer.start()
        pause, told = CHECK_SECONDS, ""
        try:
            while True:
                self._news.clear()
                try:
                    await self._pass()
                    pause, self.problem, told = CHECK_SECONDS, "", ""
                except OamKitError as error:
                    pause = RETRY_SECONDS if pause == CHECK_SECONDS else min(2 * pause, 60.0)
                    if error.message != told:
                        log.warning("the webhooks' certificate: %s", error.message)
                    told = error.message
                    self.problem = "" if self._loaded else error.message
                try:
                    async with asyncio.timeout(pause):
                        await self._news.wait()
                except TimeoutError:
                    pass
        finally:
            await asyncio.gather(*(informer.close() for informer in self._informers))

    async def _pass(self) -> None:
        data = await self._renew()
        if data[CERTIFICATE] != self._loaded:
            _load(self._context, data[CERTIFICATE], data[KEY])
            self._loaded = data[CERTIFICATE]
            log.info("the webhooks serve a new certificate")
        bundle = base64.b64encode(trusted(data)).decode()
        for informer in self._informers[1:]:
            for configuration in list(informer.items.values()):
                await self._trust(informer, configuration, bundle)

    async def _renew(self) -> dict[str, bytes]:
        """Return the Secret's data, renewed if it has to be."""
        namespace, name = self._settings.secret
        try:
            secret = await self._client.get(SECRETS, name, namespace)
        except ApiError as error:
            if error.status != 404:
                raise
            secret = {}
        data = _decoded(secret)
        new = renewed(data, self._settings.names, datetime.now(UTC))
        if new is None:
            return data
        encoded = {key: base64.b64encode(value).decode() for key, value in new.items()}
        if secret:
            merged = {**(secret.get("data") or {}), **encoded}
            # With the resourceVersion that was read: of two replicas one is first, the other reads again.
            await self._client.update(
                SECRETS, {**secret, "data": merged}, field_manager=FIELD_MANAGER
            )
        else:
            metadata = {"name": name, "namespace": namespace}
            await self._client.create(
                SECRETS,
                {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded},
                field_manager=FIELD_MANAGER,
            )
        return new

    async def _trust(self, informer: Informer, configuration: Object, bundle: str) -> None:
        webhooks = configuration.get("webhooks") or []
        if all(each["clientConfig"].get("caBundle") == bundle for each in webhooks):
            return
        trusting = [
            {**each, "clientConfig": {**each["clientConfig"], "caBundle": bundle}}
            for each in webhooks
        ]
        await self._client.update(
            informer.resource, {**configuration, "webhooks": trusting}, field_manager=FIELD_MANAGER
        )


def _decoded(secret: Object) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            found[key] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            continue  # what can't be read counts as absent
    return found


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Put a certificate into a context in use; Python's ssl reads it from files only."""
    if hasattr(os, "memfd_create"):  # a file that no other process and no disk sees
        file = os.memfd_create("webhook-certificate")
        path = f"/proc/self/fd/{file}"
    else:
        file, path = tempfile.mkstemp()  # for its owner alone
    try:
        with os.fdopen(file, "wb", closefd=False) as stream:
            stream.write(certificate + b"\n" + key)
        context.load_cert_chain(path)
    finally:
        os.close(file)
        if not path.startswith("/proc/"):
            os.unlink(path)  # noqa: PTH108 - the path came from tempfile
