"""Our own certificate: signed by the cluster's authority where there is one, else by itself."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from cim_provider.server.certificate import ensure_certificate, request
from cim_provider.server.keeper import Pair, Renewal, keep_certificate
from cim_provider.server.layout import ServerLayout
from cim_provider.server.leaving import forget_cluster
from cim_provider.server.settings import Settings
from cim_provider.server.tls import CertificateError
from ha_core.keyring import first_ring
from ha_core.runtime.authority import LIFE, authority, signed

RING = first_ring(b"c" * 16, b"s" * 32)
HOSTS = ("node1.example", "192.0.2.1")


class Signer:
    """Signs as a node's daemon does, once it has been asked `late` times."""

    def __init__(self, *, late: int = 0, is_expected: bool = True, refusal: str = "") -> None:
        self.late = late
        self.asked = 0
        self.refusal = refusal
        self._is_expected = is_expected

    def is_expected(self) -> bool:
        """See `Authority`."""
        return self._is_expected

    async def sign(self, request: str) -> str | None:
        """See `Authority`."""
        self.asked += 1
        if self.refusal:
            raise PermissionError(self.refusal)
        return signed(RING, request, datetime.now(UTC)) if self.asked > self.late else None


def issuer(file: Path) -> str:
    return x509.load_pem_x509_certificate(file.read_bytes()).issuer.rfc4514_string()


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path / "cimd" / "certificate.pem", tmp_path / "cimd" / "key.pem")


OURS = authority(RING)[1].subject.rfc4514_string()


def first(tmp_path: Path, signer: Signer) -> Path:
    layout = ServerLayout(tmp_path)
    asyncio.run(keep_certificate(Settings(), layout, signer))
    return layout.certificate_file


def test_first_certificate_is_by_the_cluster_also_when_its_daemon_starts_later(
    tmp_path: Path,
) -> None:
    signer = Signer(late=2)
    assert issuer(first(tmp_path, signer)) == OURS
    assert signer.asked == 3
    again = Signer()
    first(tmp_path, again)
    assert again.asked == 0, "what is good is kept"


@pytest.mark.parametrize("signer", [Signer(late=99, is_expected=False), Signer(refusal="not here")])
def test_without_a_cluster_the_first_certificate_is_its_own(tmp_path: Path, signer: Signer) -> None:
    assert "self-signed" in issuer(first(tmp_path, signer))
    assert signer.asked == 1


def test_certificate_that_ends_soon_is_signed_anew_with_the_same_key(pair: Pair) -> None:
    renewal = Renewal(pair, HOSTS, Signer())
    assert asyncio.run(renewal())
    key = pair.key.read_bytes()
    made = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    assert not asyncio.run(renewal())
    late = datetime.now(UTC) + LIFE * 0.95
    asked = request(pair.certificate, pair.key, HOSTS, late)
    assert asked is not None
    wanted = x509.load_pem_x509_csr(asked)
    assert wanted.public_key() == made.public_key()
    names = wanted.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["node1.example"]
    assert pair.key.read_bytes() == key


def test_certificate_of_somebody_else_is_never_asked_for_again(pair: Pair) -> None:
    assert ensure_certificate(pair.certificate, pair.key, HOSTS)
    text = pair.certificate.read_bytes()
    late = datetime.now(UTC) + LIFE * 0.95
    assert request(pair.certificate, pair.key, HOSTS, late) is None, "that of 825 days is good"
    assert pair.certificate.read_bytes() == text


@pytest.mark.parametrize(("days_left", "is_replaced"), [(29, False), (2, False), (0.5, True)])
def test_certificate_by_the_cluster_is_replaced_by_an_own_one_on_its_last_day_alone(
    pair: Pair, days_left: float, is_replaced: bool
) -> None:
    asyncio.run(Renewal(pair, HOSTS, Signer())())
    end = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).not_valid_after_utc
    moment = end - timedelta(days=days_left)
    assert request(pair.certificate, pair.key, HOSTS, moment) is not None, "the cluster is asked"
    assert ensure_certificate(pair.certificate, pair.key, HOSTS, moment) is is_replaced
    assert ("self-signed" in issuer(pair.certificate)) is is_replaced


def test_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cimd").write_text("a file")
    pair = Pair(tmp_path / "cimd" / "certificate.pem", tmp_path / "cimd" / "key.pem")
    with pytest.raises(CertificateError, match="cimd"):
        asyncio.run(Renewal(pair, HOSTS, Signer())())


def test_certificate_goes_with_the_cluster_that_signed_it_and_one_of_its_own_stays(
    tmp_path: Path,
) -> None:
    assert forget_cluster(tmp_path) == ()
    file = first(tmp_path, Signer())
    told = "its WBEM server has no certificate of that cluster any more"
    assert forget_cluster(tmp_path) == (told,)
    assert not file.exists()
    assert "self-signed" in issuer(first(tmp_path, Signer(late=99, is_expected=False)))
    assert forget_cluster(tmp_path) == ()
    file.write_text("none")
    refused = forget_cluster(tmp_path)
    assert isinstance(refused, str)
    assert refused.startswith(f"the cluster's certificate is left in {file}: ")


def test_server_that_runs_gets_another_certificate_when_its_own_is_gone(tmp_path: Path) -> None:
    async def body() -> None:
        signer = Signer()
        keeper = await keep_certificate(Settings(), ServerLayout(tmp_path), signer)
        file = ServerLayout(tmp_path).certificate_file
        await keeper.look(may_renew=False)
        assert signer.asked == 1
        file.unlink()
        await keeper.look(may_renew=False)
        assert (signer.asked, issuer(file)) == (2, OURS)

    asyncio.run(body())
