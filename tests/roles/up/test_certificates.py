import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from roost.roles.up import certificates as subject


def shake_hands(made: subject.Certificates, domain: str) -> dict:
    """What a client that trusts the authority sees of the server."""
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(made.certificate, made.key)
    client_side = ssl.create_default_context(cafile=str(made.authority))

    async def main() -> dict:
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=server_side)
        async with server:
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=client_side, server_hostname=domain
            )
            seen = writer.get_extra_info("peercert")
            writer.close()
            return seen

    return asyncio.run(main())


@pytest.mark.parametrize("domain", ["localhost", "montague.example", "127.0.0.1"])
def test_a_client_that_trusts_the_authority_trusts_the_domain(tmp_path, domain):
    assert shake_hands(subject.provide(tmp_path, domain), domain)["subjectAltName"][0][1] == domain


def test_an_international_domain_is_named_by_its_a_label(tmp_path):
    made = subject.provide(tmp_path, "bücher.example")
    assert "xn--bcher-kva.example" in str(shake_hands(made, "xn--bcher-kva.example")["subjectAltName"])


def test_another_domain_is_refused(tmp_path):
    made = subject.provide(tmp_path, "montague.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(made, "capulet.example")


def test_files_are_kept_and_keys_are_private(tmp_path):
    first = subject.provide(tmp_path, "localhost")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert subject.provide(tmp_path, "localhost") == first
    assert before == {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert first.key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o777 == 0o600


def test_a_new_domain_gets_a_new_certificate_of_the_same_authority(tmp_path):
    authority = subject.provide(tmp_path, "localhost").authority.read_bytes()
    made = subject.provide(tmp_path, "montague.example")
    assert made.authority.read_bytes() == authority
    assert shake_hands(made, "montague.example")


@pytest.mark.parametrize(("constant", "renewed"), [("_SERVER_DAYS", 1), ("_AUTHORITY_DAYS", 2)])
def test_what_is_near_its_end_is_renewed(tmp_path, monkeypatch, constant, renewed):
    with monkeypatch.context() as short:
        short.setattr(subject, constant, 20)
        old = {f.name: f.read_bytes() for f in tmp_path.iterdir() if subject.provide(tmp_path, "localhost")}
        subject.provide(tmp_path, "localhost")
        old = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    made = subject.provide(tmp_path, "localhost")
    new = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    assert new.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)
    changed = [name for name, content in old.items() if (tmp_path / name).read_bytes() != content]
    assert len([name for name in changed if "key" not in name]) == renewed
    assert shake_hands(made, "localhost")


def test_the_command_says_where_the_certificate_is(tmp_path, capsys):
    folder = tmp_path / "new" / "tls"
    assert subject.run(folder, "montague.example") == 0
    assert capsys.readouterr().out.startswith(
        f"The certificate of montague.example is {folder}/certificate.pem, valid until 20"
    )
    assert shake_hands(subject.provide(folder, "montague.example"), "montague.example")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_command_says_why_there_is_none(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert subject.run(tmp_path / "file", "montague.example") == 1
    told = capsys.readouterr().err
    assert told.startswith(f"There can be no certificate in {tmp_path}/file: ")
    assert told.count("\n") == 1
