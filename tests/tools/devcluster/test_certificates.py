"""Keys and certificates: both sides of a connection accept each other, and nobody else."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ebbflow.devcluster.certificates import Certificates, Pair, issue_all

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue_all(tmp_path_factory.mktemp("certificates"), NOW)


def shake_hands(server: Pair, client: Pair, authority: Pair, *, host: str) -> None:
    """Do a TLS handshake in memory; raises ssl.SSLError if one side refuses the other."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_cert_chain(server.certificate, server.key)
    asking = ssl.create_default_context(cafile=str(authority.certificate))
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    serving.verify_flags |= ssl.VERIFY_X509_STRICT
    asking.load_cert_chain(client.certificate, client.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        asking.wrap_bio(to_client, to_server, server_hostname=host),
        serving.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"],
)
@pytest.mark.parametrize("client", ["admin", "controller_manager", "scheduler"])
def test_the_api_server_and_its_clients_accept_each_other(
    made: Certificates, host: str, client: str
) -> None:
    shake_hands(made.server, getattr(made, client), made.authority, host=host)


def test_etcd_and_the_api_server_accept_each_other(made: Certificates) -> None:
    shake_hands(made.etcd, made.etcd_client, made.etcd_authority, host="127.0.0.1")


def test_another_host_name_is_refused(made: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="example"):
        shake_hands(made.server, made.admin, made.authority, host="example.com")


def test_the_cluster_administrator_is_nobody_to_etcd(made: Certificates) -> None:
    with pytest.raises(ssl.SSLError):
        shake_hands(made.etcd, made.admin, made.etcd_authority, host="127.0.0.1")


def test_every_key_is_p256_and_for_its_owner_alone(made: Certificates) -> None:
    directory = made.authority.key.parent
    files = sorted(directory.iterdir())
    keys = [file for file in files if file.suffix == ".key"]

    assert len(keys) == 15
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    for file in keys:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert isinstance(key.curve, ec.SECP256R1)


@pytest.mark.parametrize(
    ("client", "user", "groups"),
    [
        pytest.param("admin", "kubernetes-admin", ["system:masters"], id="admin"),
        pytest.param("controller_manager", "system:kube-controller-manager", [], id="manager"),
        pytest.param("scheduler", "system:kube-scheduler", [], id="scheduler"),
    ],
)
def test_a_client_certificate_names_its_user_and_groups(
    made: Certificates, client: str, user: str, groups: list[str]
) -> None:
    subject = read(getattr(made, client)).subject

    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [user]
    organisations = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert [each.value for each in organisations] == groups


def test_a_second_start_keeps_authorities_and_token_key_but_renews_certificates(
    tmp_path: Path,
) -> None:
    first = issue_all(tmp_path, NOW)
    kept = [
        first.authority.certificate,
        first.etcd_authority.certificate,
        first.service_account_key,
    ]
    before, serving = [file.read_bytes() for file in kept], read(first.server).serial_number

    issue_all(tmp_path, NOW + timedelta(days=300))

    assert [file.read_bytes() for file in kept] == before
    assert read(first.server).serial_number != serving
    assert read(first.server).not_valid_after_utc > NOW + timedelta(days=600)


def test_an_authority_near_its_end_is_replaced(tmp_path: Path) -> None:
    first = read(issue_all(tmp_path, NOW).authority)

    second = read(issue_all(tmp_path, NOW + timedelta(days=3600)).authority)

    assert second.serial_number != first.serial_number


def read(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())
