"""As much of a Kubernetes API server as Helm asks when it renders an upgrade: kinds, and objects."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Thing = dict[str, Any]

_KINDS = {
    "v1": ["ConfigMap", "Pod", "Secret", "Service", "ServiceAccount"],
    "apps/v1": ["Deployment", "StatefulSet"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "batch/v1": ["Job"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
}


class ApiServer:
    """Holds objects of one namespace."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._objects: dict[tuple[str, str], Thing] = {}

    def keep(self, one: Thing) -> None:
        """Take an object as the API server does: what is text in a Secret becomes base64."""
        if one["kind"] == "Secret":
            data = dict(one.get("data", {}))
            for key, value in one.get("stringData", {}).items():
                data[key] = base64.b64encode(value.encode()).decode()
            one = {**one, "data": data}
        self._objects[_plural(one["kind"]), one["metadata"]["name"]] = one

    def answer(self, path: str) -> Thing | None:
        """The object at a path, or None."""
        parts = path.partition("?")[0].strip("/").split("/")
        if parts == ["version"]:
            return {"major": "1", "minor": "33", "gitVersion": "v1.33.0"}
        if parts == ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        if parts == ["apis"]:
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(one) for one in _KINDS if "/" in one],
            }
        if "namespaces" in parts:
            return self._objects.get((parts[-2], parts[-1]))
        return _resources("/".join(parts[1:]))


def _group(version: str) -> Thing:
    name, _, number = version.partition("/")
    one = {"groupVersion": version, "version": number}
    return {"name": name, "versions": [one], "preferredVersion": one}


def _resources(version: str) -> Thing | None:
    if version not in _KINDS:
        return None
    resources = [
        {
            "name": _plural(kind),
            "singularName": kind.lower(),
            "namespaced": True,
            "kind": kind,
            "verbs": ["get"],
        }
        for kind in _KINDS[version]
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


@contextmanager
def running() -> Iterator[ApiServer]:
    """An API server on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = there.answer(self.path)
            missing = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
            body = json.dumps(missing if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = ApiServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
