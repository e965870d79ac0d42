"""TLS: what is bound to, and a certificate that changes while we run."""

from __future__ import annotations

import hashlib
import os
import ssl

import pytest

from figures import told
from roost.net.tls import ServerTls
from roost.roles.up.certificates import provide


@pytest.fixture
def files(tmp_path):
    return provide(tmp_path, "example.net")


def handshake(server, authority):
    """A TLS handshake in memory; the client's side."""
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["xmpp-client"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname="example.net")
    peer = server.context.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    while len(done) < 2:
        for side in (client, peer):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    return client, peer


def test_the_end_point_is_the_certificates_hash(files):
    """RFC 5929 section 4.1."""
    tls = ServerTls(files.certificate, files.key)
    client, peer = handshake(tls, files.authority)
    expected = hashlib.sha256(client.getpeercert(binary_form=True)).digest()
    assert tls.bindings(peer)["tls-server-end-point"] == expected
    assert client.selected_alpn_protocol() == "xmpp-client"
    assert client.version() == "TLSv1.3"


class Exporting:
    """A connection of a Python that exports keying material."""

    def __init__(self, version):
        self._version = version

    def version(self):
        return self._version

    def export_keying_material(self, *asked):
        return repr(asked).encode()


@pytest.mark.parametrize(
    ("version", "exported"), [("TLSv1.3", b"('EXPORTER-Channel-Binding', 32, b'')"), ("TLSv1.2", None)]
)
def test_keying_material_is_bound_to_where_it_can_be(files, version, exported):
    """RFC 9266 section 2."""
    bindings = ServerTls(files.certificate, files.key).bindings(Exporting(version))
    assert bindings.get("tls-exporter") == exported
    assert "tls-server-end-point" in bindings


def test_a_renewed_certificate_counts_for_new_connections(files, tmp_path):
    tls = ServerTls(files.certificate, files.key)
    context = tls.context
    before = tls.bindings(None)
    assert not tls.refresh()
    (tmp_path / "other").mkdir()
    other = provide(tmp_path / "other", "example.net")
    for old, new in ((files.certificate, other.certificate), (files.key, other.key)):
        old.write_bytes(new.read_bytes())
        os.utime(old, (1, 1))
    assert tls.refresh()
    assert tls.context is context
    assert tls.bindings(None) != before
    handshake(tls, other.authority)


def test_when_the_certificate_ends_is_told(files):
    tls = ServerTls(files.certificate, files.key)
    assert told(tls, "certificate_expiry_seconds") == files.until.timestamp()


def test_a_certificate_that_cannot_be_used_is_told_of(files):
    tls = ServerTls(files.certificate, files.key)
    files.certificate.write_text("nonsense")
    os.utime(files.certificate, (1, 1))
    with pytest.raises((OSError, ValueError)):
        tls.refresh()
    handshake(tls, files.authority)


def test_what_cannot_be_used_is_named(files, tmp_path):
    (tmp_path / "other").mkdir()
    other = provide(tmp_path / "other", "example.net")
    said = f"^{files.certificate} and {other.key} cannot be used: key values mismatch$"
    with pytest.raises(ValueError, match=said):
        ServerTls(files.certificate, other.key)
    files.certificate.write_text("nonsense")
    with pytest.raises(ValueError, match=f"^{files.certificate} and {files.key} cannot be used: not PEM$"):
        ServerTls(files.certificate, files.key)


def test_old_versions_are_refused(files):
    assert ServerTls(files.certificate, files.key).context.minimum_version == ssl.TLSVersion.TLSv1_2
