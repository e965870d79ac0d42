"""The integration tests that slixmpp's authors wrote for servers, unchanged, out of its source package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from itertools import takewhile
from pathlib import Path, PurePosixPath

import pytest
from people import PASSWORD
from running import Cluster

_HERE = Path(__file__).parent
_LOCK = _HERE.parents[1] / "requirements" / "test.txt"
_RUNNER = "run_integration_tests.py"
_DEADLINE = 90  # seconds

_RUN = (
    "basic_connect_and_message",
    "bob",
    "chatmarkers",
    "disco",
    "ibb",
    "last_activity",
    "ping",
    "quickresponse",
    "reactions",
    "reconnect",
    "retract",
    "slow_filters",
    "tls_check",
    "version",
)
_LEFT_OUT = {
    "blocking": "XEP-0191, blocking, is not there yet",
    "component": "XEP-0114, components, is not there yet",
    "httpupload": "XEP-0363, HTTP file upload, is not there yet",
    "mam": "XEP-0313, the archive, is not there yet",
    "moderate": "XEP-0425, moderation, needs rooms, which are not there yet",
    "muc": "XEP-0045, rooms, is not there yet",
    "pep": "XEP-0163, personal eventing, is not there yet",
    "privatestorage": "XEP-0049, private storage, is not there yet",
    "selfping": "XEP-0410, self-ping, needs rooms, which are not there yet",
    "sos": "XEP-0455, outage status, is not there yet",
    "user_avatar": "XEP-0084, avatars, needs personal eventing, which is not there yet",
    "vcard": "XEP-0054, vCards, is not there yet",
    "vcard_avatar": "XEP-0153, avatars, needs vCards, which are not there yet",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where their tests and their runner lie; the library is the one installed here."""
    downloads, target = tmp_path_factory.mktemp("download"), tmp_path_factory.mktemp("slixmpp")
    _download(downloads)
    [package] = downloads.glob("slixmpp-*.tar.gz")
    with tarfile.open(package) as archive:
        for member in archive:
            _, *inside = PurePosixPath(member.name).parts
            content = archive.extractfile(member)
            if content and (inside == [_RUNNER] or (inside[0] == "itests" and len(inside) == 2)):
                file = target.joinpath(*inside)
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content.read())
    return target


def _download(folder: Path) -> None:
    """Fetch the source package of the version that the lock names, by its hash."""
    wanted = folder / "slixmpp.txt"
    wanted.write_text(_locked("slixmpp"))
    options = ("--quiet", "--no-deps", "--no-binary", "slixmpp", "--require-hashes", "--dest", folder)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "-r", wanted], check=True, timeout=_DEADLINE
    )


def _locked(name: str) -> str:
    """A package's entry in the lock."""
    first, *rest = _LOCK.read_text().partition(f"\n{name}==")[2].splitlines(keepends=True)
    return "".join((f"{name}==", first, *takewhile(lambda line: "--hash" in line, rest)))


def _run(cluster: Cluster, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the chosen tests; each connection to a well-known port goes to the other pod than the last."""
    ports = {
        5222: [pod.starttls_port for pod in cluster.pods],
        5223: [pod.direct_tls_port for pod in cluster.pods],
    }
    accounts = {}
    for number in (1, 2):
        cluster.add_account(f"account{number}", PASSWORD)
        accounts[f"CI_ACCOUNT{number}"] = f"account{number}@{cluster.domain}"
        accounts[f"CI_ACCOUNT{number}_PASSWORD"] = PASSWORD
    files = [f"itests/test_{name}.py" for name in _RUN]
    return subprocess.run(
        [sys.executable, _HERE / "forwarding.py", json.dumps(ports), _RUNNER, *files],
        cwd=folder,
        env={**os.environ, **accounts, "SSL_CERT_FILE": str(cluster.authority)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE,
    )


def test_every_file_is_run_or_left_out_for_a_reason(folder):
    names = {file.stem.removeprefix("test_") for file in folder.glob("itests/test_*.py")}
    assert names == {*_RUN, *_LEFT_OUT}


def test_they_pass(cluster, folder):
    before = [pod.logins() for pod in cluster.pods]
    result = _run(cluster, folder)
    assert result.returncode == 0, result.stderr
    counts = re.search(r"ran='(\d+)' errors='0' fails='0' success='True'", result.stdout)
    assert counts, result.stdout
    assert int(counts[1]) >= len(_RUN)
    # the last line of unittest's report; it would name tests that were skipped
    assert result.stderr.splitlines()[-1] == "OK", result.stderr
    assert all(pod.logins() > count for pod, count in zip(cluster.pods, before, strict=True))
