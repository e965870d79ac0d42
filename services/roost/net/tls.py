"""TLS for clients: the certificate from files that may change, and what SCRAM binds to."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import SignatureAlgorithmOID

from roost.runtime.figures import Figures

_ALPN = "xmpp-client"  # XEP-0368 section 4
_WEAK = {
    SignatureAlgorithmOID.RSA_WITH_MD5,
    SignatureAlgorithmOID.RSA_WITH_SHA1,
    SignatureAlgorithmOID.ECDSA_WITH_SHA1,
}
_EXPORTER_LABEL = "EXPORTER-Channel-Binding"  # RFC 9266 section 2
_EXPORTER_BYTES = 32


class ServerTls:
    """The server's side of TLS. Looks at its files when asked, so that a renewed certificate is taken up.

    Its context stays the same object; what is read anew counts for the connections after it.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        """Reads both PEM files; raises OSError or ValueError, with their names, when they cannot be used."""
        self._certificate = certificate
        self._key = key
        self.context = _context()
        self._read()

    def refresh(self) -> bool:
        """Read the files again if they changed; True when they did. Raises as the constructor does."""
        if self._stamp == _stamp(self._certificate, self._key):
            return False
        self._read()
        return True

    def bindings(self, connection: ssl.SSLObject | None) -> dict[str, bytes]:
        """Channel-binding data of one connection by type (RFC 5929 section 4, RFC 9266)."""
        found = {"tls-server-end-point": self._end_point}
        export = getattr(connection, "export_keying_material", None)  # Pythons that have it
        if connection is not None and export is not None and connection.version() == "TLSv1.3":
            # section 2: an empty context, which is not the same as none; section 4.1: with TLS 1.2 it would
            # bind only under an extension whose use we are not told of
            found["tls-exporter"] = export(_EXPORTER_LABEL, _EXPORTER_BYTES, b"")
        return found

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {"certificate_expiry_seconds": lambda: self._ends}

    def _read(self) -> None:
        stamp = _stamp(self._certificate, self._key)
        try:
            self.context.load_cert_chain(self._certificate, self._key)
        except ssl.SSLError as error:
            why = error.reason.lower().replace("_", " ") if error.reason else "not PEM"
            raise ValueError(f"{self._certificate} and {self._key} cannot be used: {why}") from error
        certificate = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        self._end_point = _end_point(certificate)
        self._ends = certificate.not_valid_after_utc.timestamp()
        self._stamp = stamp


def _context() -> ssl.SSLContext:
    # RFC 7590 with RFC 9325: TLS 1.2 at least; Python's defaults leave out weak ciphers
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0  # tickets cost each connection more than the few resumptions give back
    context.set_alpn_protocols([_ALPN])
    return context


def _end_point(certificate: x509.Certificate) -> bytes:
    """The certificate's hash for `tls-server-end-point` (RFC 5929 section 4.1)."""
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or certificate.signature_algorithm_oid in _WEAK:
        algorithm = hashes.SHA256()
    return certificate.fingerprint(algorithm)


def _stamp(*files: Path) -> tuple[float, ...]:
    return tuple(file.stat().st_mtime for file in files)
