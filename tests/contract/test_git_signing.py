"""Signed commits, judged by the real git and the real ssh-keygen."""

from __future__ import annotations

import base64
import dataclasses
import functools
import subprocess
from pathlib import Path

import pytest

from ebbflow.adapters.git.signing import sign
from ebbflow.devcluster.gitrepository import GitFailed, GitRepository
from ebbflow.domain.git import CommitHeader, InvalidRequest, Pushed, SigningKey
from ebbflow.domain.secret import Tainted
from tests.support.gitworld import COMMIT_HEADER, RealWorld
from tests.support.sshserver import PrivateKey, new_key, private_text, protected_text, public_text
from tests.support.tools import need

PERSON = "ebbflow@ebbflow.dev"
KEYGEN_HINT = "Debian: apt-get install openssh-client"


@functools.cache
def our_key() -> PrivateKey:
    return new_key()


def signing(key: PrivateKey) -> SigningKey:
    return SigningKey(Tainted(private_text(key)))


def signed_header(message: str = "Update shop\n") -> CommitHeader:
    return dataclasses.replace(COMMIT_HEADER, message=message, signing_key=signing(our_key()))


def signers(directory: Path, key: PrivateKey) -> Path:
    file = directory / "signers"
    file.write_text(f'{PERSON} namespaces="git" {public_text(key)}\n', "utf-8")
    return file


def verify(repository: GitRepository, commit: str, allowed: Path) -> str:
    repository.configure("gpg.format", "ssh")
    repository.configure("gpg.ssh.allowedSignersFile", str(allowed))
    return repository.git("log", "-1", "--format=%G? %GS %GK", commit).decode().strip()


@pytest.mark.parametrize(
    "message",
    [
        "Update shop\n",
        "héllo ✓\n\nEbbflow-Object: Template/default/shop\n",
        "no line break",
        "\n\nx\n",
    ],
)
async def test_git_finds_the_signature_of_a_pushed_commit_good(
    world: RealWorld, tmp_path: Path, message: str
) -> None:
    need("ssh-keygen", KEYGEN_HINT)
    head = world.create({"shop.yaml": b"a: 1\n"})
    made = await world.git.prepare_commit(
        world.remote(), "main", head, "shop.yaml", b"a: 2\n", signed_header(message)
    )
    assert await world.git.push(world.remote(), "main", made) == Pushed()
    repository = world.server.repository(world.name)
    allowed = signers(tmp_path, our_key())
    verdict = verify(repository, made.commit, allowed)
    assert verdict.startswith(f"G {PERSON} SHA256:")
    repository.git("verify-commit", made.commit)
    assert repository.check() == ""
    assert verify(repository, head, allowed).startswith("N")


async def test_git_finds_the_signature_of_a_stranger_or_of_another_text_bad(
    world: RealWorld, tmp_path: Path
) -> None:
    need("ssh-keygen", KEYGEN_HINT)
    head = world.create({"shop.yaml": b"a: 1\n"})
    made = await world.git.prepare_commit(
        world.remote(), "main", head, "shop.yaml", b"a: 2\n", signed_header()
    )
    await world.git.push(world.remote(), "main", made)
    repository = world.server.repository(world.name)
    assert not verify(repository, made.commit, signers(tmp_path, new_key())).startswith("G")
    forged = repository.git("cat-file", "commit", made.commit).replace(
        b"Update shop", b"Steal shop"
    )
    other = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=forged)
    with pytest.raises(GitFailed):
        repository.git("verify-commit", other.decode().strip())


def test_ssh_keygen_finds_the_signature_good_for_git_and_for_nothing_else(tmp_path: Path) -> None:
    program = need("ssh-keygen", KEYGEN_HINT)
    text = b"tree 1\n\nhello\n"
    (tmp_path / "signature").write_bytes(sign(text, signing(our_key())) + b"\n")
    allowed = tmp_path / "signers"
    allowed.write_text(f"{PERSON} {public_text(our_key())}\n", "utf-8")

    def verifies(namespace: str, data: bytes) -> bool:
        words = [program, "-Y", "verify", "-f", allowed, "-I", PERSON, "-n", namespace]
        done = subprocess.run(
            [*words, "-s", tmp_path / "signature"], input=data, capture_output=True, check=False
        )
        return done.returncode == 0

    assert verifies("git", text)
    assert not verifies("file", text)
    assert not verifies("git", text + b"x")


def test_the_signature_is_that_of_ssh_keygen_itself(tmp_path: Path) -> None:
    program = need("ssh-keygen", KEYGEN_HINT)
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(private_text(our_key()), "utf-8")
    done = subprocess.run(
        [program, "-Y", "sign", "-f", key, "-n", "git"],
        input=b"some text",
        capture_output=True,
        check=True,
    )
    assert sign(b"some text", signing(our_key())) + b"\n" == done.stdout


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(private_text(new_key("ecdsa")), id="ecdsa"),
        pytest.param(private_text(new_key("rsa")), id="rsa"),
        pytest.param(protected_text(), id="with a passphrase"),
        pytest.param("s3cret", id="no key"),
        pytest.param(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n"
            + base64.b64encode(b"openssh-key-v1\0" + bytes(40)).decode()
            + "\n-----END OPENSSH PRIVATE KEY-----\n",
            id="broken",
        ),
    ],
)
def test_a_key_that_cannot_sign_alike_each_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="no Ed25519 key") as caught:
        sign(b"text", SigningKey(Tainted(text)))
    assert "s3cret" not in str(caught.value)
