"""People talk through the Helm chart on a real Kubernetes while it is upgraded, scaled and drained.

For try-kubernetes.sh, which brings the cluster up and names it in the environment (KUBECONFIG). The exit
code is 0 when all of it went as it should.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kubernetes_cluster import NAMESPACE, RELEASE, STEP_SECONDS, Cluster, Refused, is_ready, merged
from people import DEADLINE, PASSWORD, Failed, Person, Place, Talk, converse, expect, until

DOMAIN = "example.net"
MANAGERS = f"{RELEASE}-connection-manager"
LITTLE = {"resources": {"requests": {"cpu": "50m"}}}  # so that all find room on one small node
VALUES: dict[str, Any] = {
    "domain": DOMAIN,
    "tls": {"selfSigned": True},
    "redis": {"builtIn": {"enabled": True}},
    "database": {"builtIn": {"enabled": True}},
    "settings": {"drain_seconds": 5},
    "roleDefaults": LITTLE,
    "roles": {"connection-manager": LITTLE},
}
OTHER = "other"
PASSWORD_OF_ENGINES = "p@ss/word #1"  # noqa: S105 - of deploy/try/kubernetes/data.yaml
OTHER_VALUES: dict[str, Any] = {
    "domain": "example.org",
    "tls": {"selfSigned": True},
    "redis": {"hosts": ["redis.data"], "password": PASSWORD_OF_ENGINES},
    "database": {"host": "db.data", "password": PASSWORD_OF_ENGINES},
    "roleDefaults": LITTLE,
    "roles": {"connection-manager": LITTLE},
}
BAD_NEWS = {"BackOff", "Failed", "FailedCreate", "FailedCreatePodSandBox", "FailedMount", "FailedScheduling"}
"""Reasons of events that a healthy installation has none of."""
_CONNECT = """
import socket, sys
host, _, port = sys.argv[1].rpartition(":")
try:
    socket.create_connection((host, int(port)), timeout=3).close()
    print(True)
except OSError:
    print(False)
"""
_STRANGER = {
    "terminationGracePeriodSeconds": 0,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "stranger",
            "image": f"roost:{os.environ['VERSION']}",
            "command": ["sleep", "600"],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}
_PAUSE = 0.05


class Trial:
    """The steps, in order; each is a sentence."""

    romeo: Person
    juliet: Person
    place: Place

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.values = VALUES

    async def run(self) -> None:
        """All steps; raises what is wrong."""
        for step in (
            self.the_chart_installs_under_the_restricted_standard,
            self.nothing_failed_on_the_way,
            self.the_smoke_test_passes,
            self.accounts_are_made_as_the_notes_say,
            self.two_converse_through_the_service,
            self.policies_keep_others_out,
            self.nothing_is_lost_in_an_upgrade,
            self.nothing_is_lost_when_a_pod_is_deleted,
            self.a_pod_that_was_killed_is_replaced,
            self.nothing_is_lost_in_a_scale_to_three_and_back,
            self.an_autoscaler_turned_on_later_takes_no_pod_away,
            self.nothing_is_lost_when_a_node_is_drained,
            self.a_second_release_lives_beside_it,
            self.a_wrong_password_is_told_before_anything_is_there,
            self.an_uninstallation_leaves_the_volumes_alone,
        ):
            await self._take(step)

    async def _take(self, step: Callable[[], Awaitable[None]]) -> None:
        begin = time.monotonic()
        await asyncio.wait_for(step(), 2 * STEP_SECONDS)
        print(f"ok: {step.__name__.replace('_', ' ')} ({time.monotonic() - begin:.1f} s)", flush=True)

    async def the_chart_installs_under_the_restricted_standard(self) -> None:
        """As docs/install-kubernetes.md says, in a namespace that takes no pod with more rights."""
        self.cluster.kubectl("create", "namespace", NAMESPACE)
        label = "pod-security.kubernetes.io/enforce=restricted"
        self.cluster.kubectl("label", "namespace", NAMESPACE, label)
        await self._upgrade({})

    async def nothing_failed_on_the_way(self) -> None:
        """No pod began again, and no event says that something could not be."""
        for pod in self.cluster.get("pods")["items"]:
            begun = [one["restartCount"] for one in pod["status"]["containerStatuses"]]
            expect(not any(begun), f"{pod['metadata']['name']} began again")
        bad = [one["message"] for one in self.cluster.get("events")["items"] if one["reason"] in BAD_NEWS]
        expect(not bad, f"no bad news: {bad}")

    async def the_smoke_test_passes(self) -> None:
        """And its words are to be had, and nothing of it stays."""
        said = await asyncio.to_thread(self.cluster.helm, "test", RELEASE, "--logs")
        expect("Two accounts logged in" in said, f"the words of the smoke test: {said}")

    async def accounts_are_made_as_the_notes_say(self) -> None:
        """With kubectl exec."""
        inside = ("exec", "--stdin", f"deployment/{MANAGERS}", "--")
        command = ("roost", "user", "add", "--password-stdin")
        for name in ("romeo", "juliet"):
            said = self.cluster.kubectl(*inside, *command, f"{name}@{DOMAIN}", said=PASSWORD)
            expect("can log in now" in said, f"an account {name}: {said}")

    async def two_converse_through_the_service(self) -> None:
        """One with STARTTLS, one with direct TLS."""
        authority = self.folder / "ca.pem"
        secret = self.cluster.get("secret", f"{RELEASE}-tls")
        authority.write_bytes(base64.b64decode(secret["data"]["tls.crt"]))
        address = self.cluster.get("service", MANAGERS)["spec"]["clusterIP"]
        self.place = Place(DOMAIN, authority, address, 5222, 5223)
        self.romeo, self.juliet = Person("romeo", self.place), Person("juliet", self.place, direct_tls=True)
        for person in (self.romeo, self.juliet):
            await person.arrive()
        await converse(self.romeo, self.juliet)

    async def policies_keep_others_out(self) -> None:
        """A pod that is nobody's reaches the clients' ports alone; one of Prometheus' the metrics."""
        metrics = self._metrics_address()
        doors = {
            f"{MANAGERS}.{NAMESPACE}:5222": True,
            f"{RELEASE}-valkey.{NAMESPACE}:6379": False,
            f"{RELEASE}-postgresql.{NAMESPACE}:5432": False,
            metrics: False,
        }
        await self._look_from(NAMESPACE, doors)
        await self._look_from("monitoring", {metrics: True, f"{RELEASE}-valkey.{NAMESPACE}:6379": False})

    async def nothing_is_lost_in_an_upgrade(self) -> None:
        """Another image and another setting: every pod is replaced, one after another."""
        before = set(self.cluster.names("pods"))
        change = {"image": {"tag": f"{os.environ['VERSION']}-next"}, "settings": {"idle_seconds": 300}}
        await self._while_talking(lambda: self._upgrade(change))
        kept = before & {one["metadata"]["name"] for one in self._roles()}
        expect(not kept, f"pods that were not replaced: {kept}")

    async def nothing_is_lost_when_a_pod_is_deleted(self) -> None:
        """One that has clients, within its grace period."""
        name = self.cluster.running("connection-manager")[0]["metadata"]["name"]
        await self._while_talking(lambda: self._kubectl("delete", "pod", name))
        await self._have("connection-manager", 2)

    async def a_pod_that_was_killed_is_replaced(self) -> None:
        """Without a word to its clients, who come back."""
        for pod in self.cluster.running("connection-manager")[:1]:
            words = ("pod", pod["metadata"]["name"], "--force", "--grace-period=0")
            await self._kubectl("delete", *words)
        await self._have("connection-manager", 2)
        await self._all_are_back()

    async def nothing_is_lost_in_a_scale_to_three_and_back(self) -> None:
        """By Helm."""
        for number in (3, 2):
            await self._while_talking(lambda number=number: self._scale(number))

    async def _scale(self, number: int) -> None:
        roles = ("connection-manager", "presence")
        await self._upgrade({"roles": {role: {"replicas": number} for role in roles}})
        for role in roles:
            await self._have(role, number)

    async def an_autoscaler_turned_on_later_takes_no_pod_away(self) -> None:
        """And it raises the number to its least."""
        seen = await self._fewest(lambda: self._autoscale(2))
        expect(seen == 2, f"two pods remain, not {seen}")
        await self._autoscale(3)
        await self._have("connection-manager", 3)
        seen = await self._fewest(lambda: self._autoscale(2))
        expect(seen == 3, f"three pods remain until there is a reason, not {seen}")
        await self._upgrade(
            {"roles": {"connection-manager": {"replicas": 3, "autoscaling": {"enabled": False}}}}
        )

    async def nothing_is_lost_when_a_node_is_drained(self) -> None:
        """The budget lets one go at a time."""
        words = ("node2", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s")
        await self._while_talking(lambda: self._kubectl("drain", *words))
        await self._have("connection-manager", 3)
        nodes = {pod["spec"]["nodeName"] for pod in self._roles()}
        expect("node2" not in nodes, f"nothing runs on node2: {nodes}")
        await self._kubectl("uncordon", "node2")

    async def a_second_release_lives_beside_it(self) -> None:
        """In the same namespace, with engines that are not the chart's, and a Job for the schema."""
        await asyncio.to_thread(self.cluster.upgrade, OTHER_VALUES, OTHER)
        for release in (OTHER, RELEASE):
            said = await asyncio.to_thread(self.cluster.helm, "test", release, "--logs")
            expect("Two accounts logged in" in said, f"the words of the smoke test: {said}")
        await asyncio.to_thread(self.cluster.upgrade, OTHER_VALUES, OTHER)
        await self._all_are_back()
        await asyncio.to_thread(self.cluster.helm, "uninstall", OTHER, "--wait")
        await until(lambda: not self._left_of(OTHER), "nothing is left of it")
        await self._all_are_back()

    async def a_wrong_password_is_told_before_anything_is_there(self) -> None:
        """The Job's log has the database's own words."""
        values = merged(OTHER_VALUES, {"database": {"password": "wrong"}, "migration": {"backoffLimit": 0}})
        try:
            await asyncio.to_thread(self.cluster.upgrade, values, OTHER)
        except Refused as refused:
            expect("Job Failed" in str(refused), f"the Job has failed: {refused}")
        else:
            raise Failed("a wrong password does as well")
        job = f"job.batch/{OTHER}-roost-migration"
        said = self.cluster.kubectl("logs", job)
        expect("password authentication failed" in said, f"the log says why: {said}")
        left = {one for one in self._left_of(OTHER) if not one.startswith("pod/")}
        expect(left == {job}, f"the Job alone is there: {left}")
        await asyncio.to_thread(self.cluster.helm, "uninstall", OTHER, "--wait")
        await self._kubectl("delete", job)

    async def an_uninstallation_leaves_the_volumes_alone(self) -> None:
        """Which hold accounts and messages; Helm removes all else."""
        for person in (self.romeo, self.juliet):
            await person.leave()
        await asyncio.to_thread(self.cluster.helm, "uninstall", RELEASE, "--wait")
        await until(lambda: not self.cluster.names("pods"), "pods have ended")
        left = self._left_of(RELEASE)
        volumes = {f"persistentvolumeclaim/data-{RELEASE}-{engine}-0" for engine in ("postgresql", "valkey")}
        expect(left == volumes, f"the volumes alone are left: {left}")

    async def _while_talking(self, happen: Callable[[], Awaitable[None]]) -> None:
        async with Talk(self.romeo, self.juliet).going_on():
            await happen()
        await self._all_are_back()

    async def _all_are_back(self) -> None:
        for person in (self.romeo, self.juliet):
            await asyncio.wait_for(person.online.wait(), DEADLINE)
        await converse(self.romeo, self.juliet)

    async def _have(self, component: str, number: int) -> None:
        def look() -> bool:
            pods = self.cluster.get("pods", f"--selector=app.kubernetes.io/component={component}")["items"]
            return len(pods) == number and all(map(is_ready, pods))

        await until(look, f"{number} of {component} are ready")

    async def _fewest(self, happen: Callable[[], Awaitable[None]]) -> int:
        """The fewest connection managers that were wanted while something happened, and a little longer."""
        seen: list[int] = []

        async def look() -> None:
            while True:
                found = await asyncio.to_thread(self.cluster.get, "deployment", MANAGERS)
                seen.append(found["spec"]["replicas"])
                await asyncio.sleep(_PAUSE)

        looking = asyncio.create_task(look())
        await happen()
        await until(
            lambda: bool(self.cluster.get("hpa", MANAGERS)["status"].get("conditions")), "it has spoken"
        )
        looking.cancel()
        return min(seen)

    async def _autoscale(self, least: int) -> None:
        scaling = {"enabled": True, "minReplicas": least, "streamsPerPod": 0}
        await self._upgrade({"roles": {"connection-manager": {"autoscaling": scaling}}})

    def _roles(self) -> list[Any]:
        return [pod for role in ("connection-manager", "presence") for pod in self.cluster.running(role)]

    def _metrics_address(self) -> str:
        pod = self.cluster.running("presence")[0]
        return f"{pod['status']['podIP']}:9090"

    def _left_of(self, release: str) -> set[str]:
        kinds = "all,configmap,secret,serviceaccount,pvc,pdb,networkpolicy,hpa"
        label = f"--selector=app.kubernetes.io/instance={release}"
        return set(self.cluster.kubectl("get", kinds, label, "--output=name").split())

    async def _look_from(self, namespace: str, doors: dict[str, bool]) -> None:
        """Whether a pod there can connect to these addresses."""
        if namespace != NAMESPACE:
            self.cluster.kubectl("create", "namespace", namespace)
        overrides = json.dumps({"spec": _STRANGER})
        words = ("run", "stranger", f"--image=roost:{os.environ['VERSION']}", f"--overrides={overrides}")
        self.cluster.kubectl(*words, namespace=namespace)
        ready = ("wait", "--for=condition=Ready", "pod/stranger", f"--timeout={STEP_SECONDS}s")
        await asyncio.to_thread(self.cluster.kubectl, *ready, namespace=namespace)
        for door, open_ in doors.items():
            command = ("exec", "stranger", "--", "python3", "-c", _CONNECT, door)
            await until(
                lambda command=command, open_=open_: (
                    self.cluster.kubectl(*command, namespace=namespace).strip() == str(open_)
                ),
                f"{door} is {'open to' if open_ else 'closed to'} a pod of {namespace}",
            )
        self.cluster.kubectl("delete", "pod", "stranger", "--grace-period=0", "--force", namespace=namespace)

    async def _kubectl(self, *words: str) -> None:
        await asyncio.to_thread(self.cluster.kubectl, *words)

    async def _upgrade(self, change: dict[str, Any]) -> None:
        self.values = merged(self.values, change)
        await asyncio.to_thread(self.cluster.upgrade, self.values)


async def main() -> int:
    """Run the trial; the exit code."""
    with TemporaryDirectory() as folder:
        try:
            await Trial(Cluster(), Path(folder)).run()
        except (Failed, TimeoutError, Refused) as error:
            print(f"not as it should be: {error or type(error).__name__}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
