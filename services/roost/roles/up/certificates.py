"""A local certificate authority, and the domain's certificate by it."""

from __future__ import annotations

import ipaddress
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import idna
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from roost.roles.up.folder import write_private

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 397
_RENEW_DAYS = 30
_CLOCK_SKEW = timedelta(hours=1)


class Certificates(NamedTuple):
    """Where the PEM files lie."""

    authority: Path
    certificate: Path
    key: Path
    until: datetime


def run(folder: Path, domain: str) -> int:
    """`roost certificate`: provide the files and say where they are; the exit code."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = provide(folder, domain)
    except OSError as error:
        print(f"There can be no certificate in {folder}: {error}.", file=sys.stderr)
        return 1
    print(f"The certificate of {domain} is {made.certificate}, valid until {made.until:%Y-%m-%d}.")
    return 0


def provide(folder: Path, domain: str) -> Certificates:
    """The files for `domain` in `folder`; made or renewed where they are missing, near their end
    or for another domain. Raises OSError when they cannot be written.
    """
    authority_file, authority_key_file = folder / "ca.pem", folder / "ca-key.pem"
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    if not (authority_file.exists() and authority_key_file.exists()) or _ends_soon(_read(authority_file)):
        _make_authority(authority_file, authority_key_file)
    authority = _read(authority_file)
    if not (key_file.exists() and _serves(certificate_file, domain, authority)):
        _make_certificate(certificate_file, key_file, domain, authority, _read_key(authority_key_file))
    return Certificates(
        authority_file, certificate_file, key_file, _read(certificate_file).not_valid_after_utc
    )


def _make_authority(file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Roost local authority {os.urandom(4).hex()}")]
    )
    usage = _usage(key_cert_sign=True, crl_sign=True)
    made = (
        _builder(name, name, key, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(key_file, _key_bytes(key))
    write_private(file, made.public_bytes(serialization.Encoding.PEM))


def _make_certificate(
    file: Path,
    key_file: Path,
    domain: str,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([_name(domain)])
    made = (
        _builder(x509.Name([]), authority.subject, key, _SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # critical because the subject is empty (RFC 5280 section 4.2.1.6)
        .add_extension(names, critical=True)
        .add_extension(_authority_identifier(authority), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    chain = made.public_bytes(serialization.Encoding.PEM) + authority.public_bytes(serialization.Encoding.PEM)
    write_private(key_file, _key_bytes(key))
    write_private(file, chain)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(domain: str) -> x509.GeneralName:
    """The domain as a certificate names it: a DNS-ID (RFC 6120 section 13.7.1.2) or an address."""
    try:
        return x509.IPAddress(ipaddress.ip_address(domain.strip("[]")))
    except ValueError:
        return x509.DNSName(domain if domain.isascii() else idna.encode(domain).decode())


def _serves(file: Path, domain: str, authority: x509.Certificate) -> bool:
    if not file.exists():
        return False
    certificate = _read(file)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        list(names) == [_name(domain)]
        and certificate.issuer == authority.subject
        and not _ends_soon(certificate)
    )


def _ends_soon(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(days=_RENEW_DAYS)


def _read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
