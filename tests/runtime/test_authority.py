"""The cluster's authority: the same on every node, signs for servers and for nobody else."""

import asyncio
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from ha_core.errors import ConfigError, RefusedError
from ha_core.keyring import KeyRing, first_ring, render_ring
from ha_core.runtime.authority import LIFE, REQUEST_CHARS_MAX, Authority, authority, signed

RING = first_ring(b"c" * 16, b"s" * 32)
NOW = datetime(2026, 5, 4, tzinfo=UTC)
NAMES: list[x509.GeneralName] = [
    x509.DNSName("node1.example"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def request(names: list[x509.GeneralName] | None = None, key: Key | None = None) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node1.example")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    wanted = NAMES if names is None else names
    if wanted:
        builder = builder.add_extension(x509.SubjectAlternativeName(wanted), critical=False)
    made = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def own(ring: KeyRing) -> x509.Certificate:
    return authority(ring)[1]


def verify(chain: str, trusted: x509.Certificate, name: str, moment: datetime = NOW) -> None:
    leaf, *rest = x509.load_pem_x509_certificates(chain.encode())
    verifier = PolicyBuilder().store(Store([trusted])).time(moment)
    verifier.build_server_verifier(x509.DNSName(name)).verify(leaf, rest)


def test_every_node_has_the_same_authority_and_another_ring_another_one() -> None:
    again = first_ring(b"c" * 16, b"s" * 32)
    assert own(RING).public_key() == own(again).public_key()
    assert own(RING).subject == own(again).subject
    assert own(RING).serial_number == own(again).serial_number
    fresh = RING.with_key(b"t" * 32)
    assert own(fresh).public_key() == own(RING).public_key(), "the new key is not active yet"
    for other in (fresh.activated(2), first_ring(b"d" * 16, b"s" * 32)):
        assert own(other).public_key() != own(RING).public_key()
        assert own(other).subject != own(RING).subject


def test_certificate_is_good_for_the_names_of_the_request_and_for_a_server_alone() -> None:
    chain = signed(RING, request(), NOW)
    # The certificate of the authority that another node would give out does as well.
    verify(chain, own(RING), "node1.example")
    with pytest.raises(VerificationError):
        verify(chain, own(RING), "node2.example")
    with pytest.raises(VerificationError):
        verify(chain, own(RING), "node1.example", NOW + LIFE)
    with pytest.raises(VerificationError):
        verify(chain, own(RING.with_key(b"t" * 32).activated(2)), "node1.example")
    leaf, issuer = x509.load_pem_x509_certificates(chain.encode())
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert issuer.subject == own(RING).subject
    assert leaf.not_valid_before_utc <= NOW - timedelta(hours=23)


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ("nonsense", "no request for a certificate"),
        (request([]), "no request for a certificate"),
        (request([x509.RFC822Name("ann@example.org")]), "names or addresses, and nothing else"),
        (request([x509.DNSName(f"n{n}") for n in range(65)]), r"needs 1\.\.64 names"),
        (request(key=rsa.generate_private_key(65_537, 1_024)), "EC or RSA of 2048 bits"),
    ],
    ids=["nonsense", "no names", "a person", "too many names", "a weak key"],
)
def test_what_is_no_request_of_a_server_is_not_signed(asked: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        signed(RING, asked, NOW)


def test_request_that_its_key_did_not_sign_is_refused() -> None:
    first, second = request().splitlines(), request().splitlines()
    # The end of the base64 is the signature.
    forged = "\n".join([*first[:-3], *second[-3:]])
    with pytest.raises(ConfigError):
        signed(RING, forged, NOW)


def test_child_signs_with_the_ring_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    file.touch(0o600)
    file.write_text(render_ring(RING))
    chain = asyncio.run(Authority(file).sign(request()))
    verify(chain, own(RING), "node1.example", datetime.now(UTC))


@pytest.mark.parametrize(
    ("mode", "asked", "fault"),
    [
        (0o600, "nonsense", "no request for a certificate"),
        (0o600, "x" * (REQUEST_CHARS_MAX + 1), "expected at most 65536"),
        (0o644, request(), "mode 0644, expected 0600"),
    ],
    ids=["nonsense", "endless", "a ring for all to read"],
)
def test_child_refuses_in_a_sentence(tmp_path: Path, mode: int, asked: str, fault: str) -> None:
    file = tmp_path / "keyring"
    file.touch(mode)
    file.chmod(mode)
    file.write_text(render_ring(RING))
    with pytest.raises(RefusedError, match=fault):
        asyncio.run(Authority(file).sign(asked))
