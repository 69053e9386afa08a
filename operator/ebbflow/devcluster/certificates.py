"""Keys and certificates of a local cluster (kubernetes.io/docs/setup/best-practices/certificates)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ebbflow.adapters import certificates
from ebbflow.devcluster.layout import write_private
from ebbflow.devcluster.ports import LOOPBACK

AUTHORITY_LIFE: Final = timedelta(days=3650)
LEAF_LIFE: Final = timedelta(days=366)

SERVER_NAMES: Final = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
SERVER_ADDRESSES: Final = ("127.0.0.1", "::1", "10.96.0.1")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a client certificate stands for: a user and its groups."""

    user: str
    groups: tuple[str, ...] = ()


ADMIN: Final = Identity("kubernetes-admin", ("system:masters",))
CONTROLLER_MANAGER: Final = Identity("system:kube-controller-manager")
SCHEDULER: Final = Identity("system:kube-scheduler")
ETCD_CLIENT: Final = Identity("kube-apiserver-etcd-client")
# It plays every Node and every pod of the cluster.
KWOK: Final = Identity("kwok", ("system:masters",))
# Whom the kubelet lets read logs and execute: the API server, when somebody asked that for it.
KUBELET_CLIENT: Final = Identity("kube-apiserver-kubelet-client", ("system:masters",))
KUBELET: Final = Identity("system:node:node-0", ("system:nodes",))
KUBE_PROXY: Final = Identity("system:kube-proxy")
COREDNS: Final = Identity("ebbflow:coredns")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """Every key and certificate of one cluster.

    etcd has an authority of its own: a client of the API server has no business in etcd, and
    nobody else on the machine may write to it over loopback.
    """

    authority: Pair
    etcd_authority: Pair
    server: Pair
    etcd: Pair
    etcd_client: Pair
    admin: Pair
    controller_manager: Pair
    scheduler: Pair
    kwok: Pair
    kubelet_client: Pair
    kubelet_server: Pair
    kubelet: Pair
    kube_proxy: Pair
    coredns: Pair
    service_account_key: Path
    service_account_public_key: Path


class Authority:
    """A certificate authority that issues P-256 certificates."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate: Final = certificate
        self._key: Final = key

    @classmethod
    def open(cls, pair: Pair, name: str, now: datetime) -> Authority:
        """Read the authority from its files, or make a new one there.

        It is kept over restarts, so that kubeconfigs given out before stay valid.
        """
        if pair.key.exists() and pair.certificate.exists():
            certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
            key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
            if certificate.not_valid_after_utc > now + LEAF_LIFE and isinstance(
                key, ec.EllipticCurvePrivateKey
            ):
                return cls(certificate, key)
        return cls._create(pair, name, now)

    @classmethod
    def _create(cls, pair: Pair, name: str, now: datetime) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(Identity(name))
        builder = certificates.authority(subject, key.public_key(), now, AUTHORITY_LIFE)
        certificate = builder.sign(key, hashes.SHA256())
        _save(pair, certificate, key)
        return cls(certificate, key)

    def issue_client(self, pair: Pair, identity: Identity, now: datetime) -> None:
        """Issue a client certificate into `pair`'s files; the groups are its organisations."""
        usage = [ExtendedKeyUsageOID.CLIENT_AUTH]
        self._issue(pair, identity, usage, [], now)

    def issue_server(self, pair: Pair, name: str, now: datetime, address: str) -> None:
        """Issue a serving certificate for `address`, loopback and the API server's Service.

        It is good for clients too: etcd uses its own one towards itself.
        """
        names: list[x509.GeneralName] = [x509.DNSName(each) for each in SERVER_NAMES]
        addresses = dict.fromkeys((*SERVER_ADDRESSES, address))
        names += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        self._issue(pair, Identity(name), usage, names, now)

    def _issue(
        self,
        pair: Pair,
        identity: Identity,
        usage: list[x509.ObjectIdentifier],
        names: list[x509.GeneralName],
        now: datetime,
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = certificates.leaf(
            _name(identity),
            self.certificate.subject,
            self._key.public_key(),
            key.public_key(),
            now,
            LEAF_LIFE,
            usage,
            names,
        )
        _save(pair, builder.sign(self._key, hashes.SHA256()), key)


def certificate_files(directory: Path) -> Certificates:
    """Return where every key and certificate lies in `directory`; reads nothing."""

    def pair(name: str) -> Pair:
        return Pair(directory / f"{name}.crt", directory / f"{name}.key")

    return Certificates(
        authority=pair("ca"),
        etcd_authority=pair("etcd-ca"),
        server=pair("apiserver"),
        etcd=pair("etcd"),
        etcd_client=pair("etcd-client"),
        admin=pair("admin"),
        controller_manager=pair("controller-manager"),
        scheduler=pair("scheduler"),
        kwok=pair("kwok"),
        kubelet_client=pair("kubelet-client"),
        kubelet_server=pair("kubelet-server"),
        kubelet=pair("kubelet"),
        kube_proxy=pair("kube-proxy"),
        coredns=pair("coredns"),
        service_account_key=directory / "service-accounts.key",
        service_account_public_key=directory / "service-accounts.pub",
    )


def issue_all(directory: Path, now: datetime, address: str = LOOPBACK) -> Certificates:
    """Make every key and certificate in `directory`; the servers listen on `address`.

    The authorities and the key that signs ServiceAccount tokens are kept if they are there;
    certificates are issued anew, so a cluster that is started again never has expired ones.
    """
    files = certificate_files(directory)
    authority = Authority.open(files.authority, "ebbflow local cluster", now)
    authority.issue_server(files.server, "kube-apiserver", now, address)
    authority.issue_server(files.kubelet_server, "kubelet", now, address)
    clients = (
        (files.admin, ADMIN),
        (files.controller_manager, CONTROLLER_MANAGER),
        (files.scheduler, SCHEDULER),
        (files.kwok, KWOK),
        (files.kubelet_client, KUBELET_CLIENT),
        (files.kubelet, KUBELET),
        (files.kube_proxy, KUBE_PROXY),
        (files.coredns, COREDNS),
    )
    for pair, identity in clients:
        authority.issue_client(pair, identity, now)
    etcd = Authority.open(files.etcd_authority, "ebbflow local etcd", now)
    etcd.issue_server(files.etcd, "etcd", now, address)
    etcd.issue_client(files.etcd_client, ETCD_CLIENT, now)
    _make_service_account_keys(files)
    return files


def _name(identity: Identity) -> x509.Name:
    # The user is the common name, each group an organisation (Kubernetes: X509 client certificates).
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in identity.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.user)])


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # "EC PRIVATE KEY": the one form of an EC key that every Kubernetes flag reads.
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _save(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write_private(pair.key, _private_pem(key))
    write_private(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _make_service_account_keys(files: Certificates) -> None:
    private, public = files.service_account_key, files.service_account_public_key
    if private.exists() and public.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    write_private(public, key.public_key().public_bytes(serialization.Encoding.PEM, form))
    write_private(private, _private_pem(key))
