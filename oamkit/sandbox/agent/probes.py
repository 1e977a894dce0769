"""When a probe's results change what the agent thinks of a container: thresholds and timing, without any I/O.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oamkit.sandbox.agent.model import Object

__all__ = ["Probe", "ProbeKind", "Verdict", "probes_of"]


class ProbeKind(StrEnum):
    """What a probe's result decides."""

    STARTUP = "startup"
    LIVENESS = "liveness"
    READINESS = "readiness"


class Verdict(StrEnum):
    """What the agent thinks of a container after a number of results."""

    UNKNOWN = "unknown"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True)
class Probe:
    """A probe of a container.

    Attributes:
        kind: What its result decides.
        action: The spec, with one of ``exec``, ``httpGet``, ``tcpSocket`` and ``grpc``.
        delay: Seconds before the first try.
        period: Seconds between tries.
        timeout: Seconds that a try may take.
        successes: How many good results in a row make a success.
        failures: How many bad results in a row make a failure.
        grace: Its own ``terminationGracePeriodSeconds``; ``None`` for the Pod's.
    """

    kind: ProbeKind
    action: Object
    delay: float
    period: float
    timeout: float
    successes: int
    failures: int
    grace: int | None = None

    @classmethod
    def of(cls, kind: ProbeKind, spec: Object) -> Probe:
        """Read a probe's spec, with the API's default values."""
        return cls(
            kind=kind,
            action=spec,
            delay=float(spec.get("initialDelaySeconds") or 0),
            period=float(spec.get("periodSeconds") or 10),
            timeout=float(spec.get("timeoutSeconds") or 1),
            successes=int(spec.get("successThreshold") or 1),
            failures=int(spec.get("failureThreshold") or 3),
            grace=spec.get("terminationGracePeriodSeconds"),
        )


def probes_of(container: Object) -> dict[ProbeKind, Probe]:
    """Return a container's probes."""
    return {
        kind: Probe.of(kind, container[f"{kind}Probe"])
        for kind in ProbeKind
        if container.get(f"{kind}Probe")
    }


@dataclass
class Counter:
    """Counts a probe's results in a row.

    Example:
        >>> counter = Counter(Probe.of(ProbeKind.READINESS, {"failureThreshold": 2}))
        >>> [str(counter.add(good)) for good in (False, False, True, False)]
        ['unknown', 'failure', 'success', 'success']
    """

    probe: Probe
    verdict: Verdict = Verdict.UNKNOWN
    last: bool | None = None
    run: int = 0

    def add(self, good: bool) -> Verdict:
        """Add a result and return the verdict."""
        self.run = self.run + 1 if good == self.last else 1
        self.last = good
        if good and self.run >= self.probe.successes:
            self.verdict = Verdict.SUCCESS
        elif not good and self.run >= self.probe.failures:
            self.verdict = Verdict.FAILURE
        return self.verdict
