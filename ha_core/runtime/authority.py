"""The cluster's own authority: signs certificates of its nodes' WBEM servers.

Owns: the authority's key and certificate, both made from the key ring, so that
every node has them and nothing more is kept or handed out; what it signs; and
the child process in which that happens, because the library that reads
certificates needs memory that the daemon can do without for the rest of its
life. Changing the active key of the ring makes another authority.
Source: RFC 5280 (certificates), RFC 2986 (requests), RFC 5869 (HKDF).
"""

import asyncio
import hashlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ha_core.errors import ConfigError, HaError, RefusedError
from ha_core.keyring import KeyRing

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

REQUEST_CHARS_MAX: Final = 65_536
NAMES_MAX: Final = 64
RSA_BITS_MIN: Final = 2_048
LIFE: Final = timedelta(days=365)
CLOCK_SKEW: Final = timedelta(hours=24)
"""Clients whose clock is behind accept a certificate that was signed just now."""
SIGN_S: Final = 30.0
SIGNING_MAX: Final = 2
"""Children at a time; more wait, and each client of the socket has one request under way."""
ORGANIZATION: Final = "Beatkeeper"
_BEGIN: Final = datetime(2020, 1, 1, tzinfo=UTC)
_END: Final = datetime(2049, 12, 31, tzinfo=UTC)
_INFO: Final = b"beatkeeper authority 1"
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""How many keys the curve P-256 has. Source: SEC 2, section 2.4.2."""


class Authority:
    """Has certificates signed by a child process; `keyring_file` is read each time."""

    def __init__(self, keyring_file: Path) -> None:
        self._keyring_file = keyring_file
        self._places = asyncio.Semaphore(SIGNING_MAX)

    async def sign(self, request: str) -> str:
        """Return the certificate for a request, both PEM, with the authority's behind it.

        Raises: RefusedError: it is no request, or not one that is signed here.
        """
        if len(request) > REQUEST_CHARS_MAX:
            text = f"a request has {len(request)} characters, expected at most {REQUEST_CHARS_MAX}"
            raise RefusedError("invalid", text)
        async with self._places:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", __name__, str(self._keyring_file)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(SIGN_S):
                    chain, words = await child.communicate(request.encode())
            except TimeoutError as fault:
                text = f"signing took longer than {SIGN_S:g} s: ask again"
                raise RefusedError("busy", text) from fault
            finally:
                if child.returncode is None:
                    child.kill()
        if child.returncode:
            lines = words.decode("utf-8", "replace").strip().splitlines()
            raise RefusedError("invalid", lines[-1] if lines else "the request was not signed")
        return chain.decode()


def signed(ring: KeyRing, request: str, now: datetime) -> str:
    """Return the certificate for a request, with the authority's behind it, all PEM.

    Only servers are certified: what this signs does not stand for a user.

    Raises: ConfigError: it is no request, or asks for what is not signed.
    """
    # Imported here: the daemon knows this module and must not pay for the library.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        asked = x509.load_pem_x509_csr(request.encode())
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        is_proved = asked.is_signature_valid
    except (ValueError, x509.ExtensionNotFound) as fault:
        raise ConfigError(f"no request for a certificate of a server: {fault}") from None
    key = asked.public_key()
    is_strong = isinstance(key, ec.EllipticCurvePublicKey) or (
        isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN
    )
    are_names = all(isinstance(name, x509.DNSName | x509.IPAddress) for name in names)
    if not is_proved or not is_strong:
        raise ConfigError(f"the request needs a key of its own, EC or RSA of {RSA_BITS_MIN} bits")
    if not are_names or not 0 < len(names) <= NAMES_MAX:
        raise ConfigError(f"the request needs 1..{NAMES_MAX} names or addresses, and nothing else")
    own_key, own = authority(ring)
    public = own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(own.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now - CLOCK_SKEW + LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(public), critical=False
        )
    )
    pem = serialization.Encoding.PEM
    made = builder.sign(own_key, hashes.SHA256())
    return (made.public_bytes(pem) + own.public_bytes(pem)).decode()


def authority(ring: KeyRing) -> "tuple[ec.EllipticCurvePrivateKey, x509.Certificate]":
    """Return the key and the certificate of the authority of a ring, the same on every node."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.x509.oid import NameOID

    active = ring.key(ring.active)
    assert active is not None, "a ring has its active key"
    # Sixteen bytes more than the key has: every key of the curve is as likely as any other.
    derived = HKDF(hashes.SHA256(), 48, ring.cluster_id, _INFO).derive(active.secret)
    key = ec.derive_private_key(int.from_bytes(derived) % (_ORDER - 1) + 1, ec.SECP256R1())
    common_name = f"Beatkeeper cluster {ring.cluster_id.hex()[:8]}, key {active.id}"
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    serial = int.from_bytes(hashlib.sha256(identifier.digest).digest()[:16])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _usage(*, signs: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def main() -> int:
    """Sign the request on standard input for the ring in the file that is named."""
    from ha_core.runtime.service import read_ring

    try:
        ring = read_ring(Path(sys.argv[1]))
        request = sys.stdin.read(REQUEST_CHARS_MAX)
        sys.stdout.write(signed(ring, request, datetime.now(UTC)))
    except HaError as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
