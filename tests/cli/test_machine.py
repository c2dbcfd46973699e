"""What `ha init` and its like read of a machine, before anything is made."""

import pytest

from ha_core.cli.machine import is_free
from ha_core.config.model import Address
from ha_core.errors import ConfigError
from ha_core.ids import LinkName


@pytest.mark.parametrize("host", ["a..b", f"{'x' * 64}.example", "192.0.2.300", "a b"])
def test_address_that_can_be_no_host_is_refused_in_a_sentence(host: str) -> None:
    with pytest.raises(ConfigError, match="is no host; allowed: an IPv4 or IPv6 address"):
        is_free(Address(LinkName("ring0"), host, 6940))
