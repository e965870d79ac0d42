"""What kubectl and helm do; for kubernetes_trial.py."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

NAMESPACE = "chat"
RELEASE = "roost"
STEP_SECONDS = 150  # until an installation or an upgrade must be done


class Refused(Exception):  # noqa: N818 - an answer, not a bug
    """kubectl or helm says no; the text is what it says."""


class Cluster:
    """What kubectl and helm do."""

    def kubectl(self, *words: str, said: str | None = None, namespace: str = NAMESPACE) -> str:
        """What kubectl prints; raises Refused."""
        return _run([f"{os.environ['PROGRAMS']}/kubectl", "--namespace", namespace, *words], said)

    def get(self, kind: str, *words: str, namespace: str = NAMESPACE) -> Any:
        """What the API server has of a kind."""
        return json.loads(self.kubectl("get", kind, *words, "--output=json", namespace=namespace))

    def names(self, kind: str, component: str = "", *, namespace: str = NAMESPACE) -> list[str]:
        """The names of all of a kind, or of one component's."""
        words = [f"--selector=app.kubernetes.io/component={component}"] if component else []
        return [one["metadata"]["name"] for one in self.get(kind, *words, namespace=namespace)["items"]]

    def helm(self, *words: str, values: dict[str, Any] | None = None) -> str:
        """What helm prints; raises Refused."""
        given = [] if values is None else ["--values", "-"]
        said = None if values is None else json.dumps(values)
        return _run(["helm", *words, "--namespace", NAMESPACE, *given], said)

    def upgrade(self, values: dict[str, Any], release: str = RELEASE) -> None:
        """Install or upgrade, and wait until it is done."""
        words = ("upgrade", "--install", release, "helm/roost", "--wait", "--timeout", f"{STEP_SECONDS}s")
        self.helm(*words, values=values)

    def running(self, component: str) -> list[Any]:
        """The pods of a component that are not about to end."""
        found = self.get("pods", f"--selector=app.kubernetes.io/component={component}")["items"]
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` over `below`, as Helm merges values."""
    made = dict(below)
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(made.get(name), dict)
        made[name] = merged(made[name], value) if both else value
    return made


def is_ready(pod: Any) -> bool:
    """Whether a pod says so of itself."""
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def _run(words: list[str], said: str | None = None) -> str:
    done = subprocess.run(  # noqa: S603 - kubectl and helm
        words, input=said, capture_output=True, text=True, check=False, timeout=2 * STEP_SECONDS
    )
    if done.returncode:
        raise Refused(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout
