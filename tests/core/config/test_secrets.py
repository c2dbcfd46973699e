"""Names of secrets: one list for the cluster and for all that show something of it."""

import pytest

from ha_core.config.faults import shown_at
from ha_core.config.secrets import HIDDEN, is_secret, is_secret_file


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Passwd", "env.DB_PASSWORD", "bmc_passwd", "passwd2", "ssl_passphrase"),
        *("client_secret", "api_token", "credentials", "auth_key", "AuthKey", "private-key"),
        *(
            "secret_key",
            "env.MYSQL_PWD",
            "db_pass",
            "RABBITMQ_PASS",
            "hmac-key",
            "wifi.psk",
            "pass",
        ),
        *("community", "resources.db.parameters.community", "nodes.n1.attributes.bmc_password"),
    ],
)
def test_name_of_a_secret_is_known(name: str) -> None:
    assert is_secret(name)
    assert shown_at(name, "geheim") == HIDDEN


@pytest.mark.parametrize(
    "name",
    [
        *("passwd_script", "password_file", "snmp_auth_prot", "key", "community_name"),
        *("bypass", "compass", "pass_through", "pwd_check", "keyfile", "passive"),
        *("monkey", "AuthMethod", "tokens_kept", "login", ""),
    ],
)
def test_name_of_something_else_is_shown(name: str) -> None:
    assert not is_secret(name)


def test_file_of_a_secret_is_not_shown_where_its_place_is_wrong() -> None:
    assert is_secret_file("password_file")
    assert not is_secret_file("private_key_file"), "its agent reads it by itself"
    assert shown_at("fence_devices.p.parameters.passwd_file", "geheim") == HIDDEN
