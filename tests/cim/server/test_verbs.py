"""`ha wbem` and `ha-cimd user`: users and the audit log, as an administrator types it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cim_provider.server.certificate import ensure_certificate
from cim_provider.server.daemon import main as ha_cimd
from cim_provider.server.layout import ServerLayout
from cim_provider.server.roles import Role
from cim_provider.server.users import PasswordHash, Proof, UserFile
from cim_provider.server.verbs import wbem
from ha_core.cli.main import ha


@dataclass
class Shell:
    """Types commands for one root."""

    root: Path

    @property
    def users(self) -> UserFile:
        return UserFile(ServerLayout(self.root).users_file)

    def __call__(self, *words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(wbem, [*words, "--root", str(self.root)], input=stdin)

    def password_file(self, password: str) -> str:
        file = self.root / "password"
        file.write_text(f"{password}\n")
        return str(file)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def certificate(directory: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = directory / f"{name}.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return file


def test_user_is_added_with_a_password_from_a_file_or_standard_input(shell: Shell) -> None:
    done = shell("user", "add", "ann", "--password-file", shell.password_file("s3 cret"))
    assert done.exit_code == 0, done.output
    done = shell("user", "add", "bob", "--role", "operate", stdin="another\n")
    assert done.exit_code == 0, done.output
    kept = shell.users.read()
    assert {name: user.role for name, user in kept.items()} == {
        "ann": Role.VIEW,
        "bob": Role.OPERATE,
    }
    for name, password in (("ann", b"s3 cret"), ("bob", b"another")):
        proof = kept[name].password
        assert isinstance(proof, PasswordHash)
        assert proof.fits(password)


def test_no_option_takes_a_password_from_the_command_line() -> None:
    for command in wbem.commands["user"].commands.values():  # type: ignore[attr-defined]  # a group
        names = {option for parameter in command.params for option in parameter.opts}
        assert "--password" not in names


def test_users_are_changed_and_removed(shell: Shell) -> None:
    shell("user", "add", "ann", stdin="old\n")
    assert shell("user", "role", "ann", "administer").exit_code == 0
    assert shell("user", "password", "ann", stdin="new\n").exit_code == 0
    kept = shell.users.read()["ann"]
    assert kept.role is Role.ADMINISTER
    assert isinstance(kept.password, PasswordHash)
    assert kept.password.fits(b"new")
    listed = shell("user", "list", "--json")
    assert json.loads(listed.output) == {
        "users": [{"name": "ann", "role": "administer", "proof": "password", "certificates": []}]
    }
    assert shell("user", "remove", "ann").exit_code == 0
    assert shell("user", "list").output.startswith("no users on this node: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "ann"), "user 'ann' already"),
        (("add", "a:b"), "expected 1 to 64 letters"),
        (("add", "eve"), "the password has 0 bytes"),
        (("add", "eve", "--password-file", "/nowhere"), "No such file"),
        (("add", "eve", "--pam", "--no-password"), "give one of them"),
        (("add", "eve", "--role", "rule"), "'view', 'operate', 'administer'"),
        (("role", "eve", "view"), "no user 'eve'; known are: ann"),
        (("password", "eve"), "no user 'eve'"),
        (("remove", "eve"), "no user 'eve'; known are: ann"),
        (("certificate", "ann", "/dev/null"), "holds no certificate"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence_and_changes_nothing(
    shell: Shell, words: tuple[str, ...], told: str
) -> None:
    shell("user", "add", "ann", stdin="old\n")
    before = shell.users.path.read_text()
    refused = shell("user", *words)
    assert refused.exit_code in (1, 2)
    assert told in refused.stderr
    assert shell.users.path.read_text() == before
    if refused.exit_code == 1:
        as_json = json.loads(shell("user", *words, "--json").stdout)
        assert told in as_json["text"]


def test_user_of_pam_and_one_with_a_certificate_have_no_password_here(
    shell: Shell, tmp_path: Path
) -> None:
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    assert shell("user", "add", "carl", "--pam").exit_code == 0
    done = shell("user", "add", "dan", "--no-password", "--certificate", str(first))
    assert done.exit_code == 0, done.output
    assert shell("user", "certificate", "dan", str(second)).exit_code == 0
    kept = shell.users.read()
    assert kept["carl"].password is Proof.PAM
    assert kept["dan"].password is Proof.NONE
    assert len(set(kept["dan"].certificates)) == 2
    assert shell("user", "certificate", "dan", str(first), "--remove").exit_code == 0
    gone = shell("user", "certificate", "dan", str(first), "--remove")
    assert "is not on record" in gone.stderr
    assert shell("user", "list").output == "carl view (pam)\ndan view (1 certificate)\n"


def test_ha_and_ha_cimd_have_the_same_verbs(tmp_path: Path) -> None:
    runner = CliRunner()
    added = runner.invoke(
        ha, ["--root", str(tmp_path), "wbem", "user", "add", "ann"], input="sesame\n"
    )
    assert added.exit_code == 0, added.output
    listed = runner.invoke(ha_cimd, ["user", "list", "--root", str(tmp_path)])
    assert listed.output == "ann view (password)\n"


def test_audit_log_is_shown_in_sentences_or_as_it_is(shell: Shell) -> None:
    file = ServerLayout(shell.root).audit_file
    assert shell("audit").output.startswith("nobody has changed anything")
    assert shell("audit", "--json").output == ""
    file.parent.mkdir(parents=True)
    entry = {
        "time": "2026-01-02T03:04:05.678Z",
        "user": "ann",
        "role": "administer",
        "address": "192.0.2.7",
        "operation": "InvokeMethod",
        "method": "RequestStateChange",
        "object": 'HA_Group.Id="shop"',
        "given": {"RequestedState": 3},
        "result": "refused",
        "text": "no quorum",
    }
    file.write_text(f"{json.dumps(entry)}\n{json.dumps(entry)}\n{{cut sh")
    lines = shell("audit", "--lines", "2").output.splitlines()
    assert lines == [
        "2026-01-02T03:04:05.678Z ann (administer, 192.0.2.7) InvokeMethod"
        ' HA_Group.Id="shop".RequestStateChange with RequestedState=3: refused: no quorum',
        "{cut sh",
    ]
    assert json.loads(shell("audit", "--json").output.splitlines()[0]) == entry


def test_certificate_of_the_server_is_shown_with_whom_clients_have_to_trust(shell: Shell) -> None:
    missing = shell("certificate")
    assert missing.exit_code == 1
    assert "certificate.pem is not there yet: the server makes it" in missing.stderr
    layout = ServerLayout(shell.root)
    ensure_certificate(layout.certificate_file, layout.key_file, ["node1.example", "192.0.2.1"])
    text = shell("certificate").output
    assert "names: node1.example, 192.0.2.1" in text
    assert "issuer: CN=node1.example,O=Beatkeeper\\, self-signed" in text
    shown = json.loads(shell("certificate", "--json").output)
    assert shown["names"] == ["node1.example", "192.0.2.1"]
    assert len(shown["sha256"]) == 64
    assert shell("certificate", "--authority").output == layout.certificate_file.read_text()


@pytest.mark.parametrize("is_before", [True, False])
def test_root_that_is_typed_goes_before_the_environment_on_either_side_of_the_verb(
    tmp_path: Path, is_before: bool
) -> None:
    typed, other = tmp_path / "typed", tmp_path / "other"
    root, verb = ["--root", str(typed)], ["wbem", "user", "add", "view", "--no-password"]
    words = [*root, *verb] if is_before else [*verb, *root]
    done = CliRunner().invoke(ha, words, env={"BEATKEEPER_ROOT": str(other)})
    assert done.exit_code == 0, done.output
    assert set(UserFile(ServerLayout(typed).users_file).read()) == {"view"}
    assert not other.exists()


def test_root_of_the_environment_is_used_where_none_is_typed(tmp_path: Path) -> None:
    words = ["wbem", "user", "add", "view", "--no-password"]
    done = CliRunner().invoke(ha, words, env={"BEATKEEPER_ROOT": str(tmp_path)})
    assert done.exit_code == 0, done.output
    assert set(UserFile(ServerLayout(tmp_path).users_file).read()) == {"view"}
