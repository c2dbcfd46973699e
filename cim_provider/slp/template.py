"""What is told of a WBEM server: the attributes of the template `service:wbem`.

Owns: their names and where the values come from, so that SLP and the interop
namespace say the same. Pure.
Source: DSP0206 1.0, "WBEM SLP template".
"""

from collections.abc import Iterable
from typing import Final

from cim_provider.mapping.interop import FUNCTIONS, PRODUCT
from cim_provider.mapping.profiles import PROFILES
from cim_provider.mapping.world import ServerIdentity
from cim_provider.schema import INTEROP, NAMESPACES
from cim_provider.slp.agent import Advert

_FUNCTIONS: Final = {
    2: "Basic Read",
    3: "Basic Write",
    5: "Instance Manipulation",
    6: "Association Traversal",
    7: "Query Execution",
    9: "Indications",
    10: "Pulled Read",
    11: "Pulled Read Count",
    12: "Pulled Query Execution",
}


def advert_of(identity: ServerIdentity, urls: Iterable[str], host: str) -> Advert:
    """Return the advert of a server that is reached by these URLs (`https://host:port`)."""
    reached = tuple(urls)
    profiles = dict.fromkeys(f"{each.short}:{each.name}" for each in PROFILES)
    attributes = {
        "template-type": ("wbem",),
        "template-version": ("1.0",),
        "template-description": ("A WBEM server and how it is reached",),
        "template-url-syntax": reached,
        "service-hi-name": (PRODUCT,),
        "service-hi-description": (f"{PRODUCT} {identity.version}".strip(),),
        "service-id": (f"{identity.name}:{identity.host}",),
        "CommunicationMechanism": ("CIM-XML",),
        "InteropSchemaNamespace": (INTEROP,),
        "ProtocolVersion": ("1.0",),
        "FunctionalProfilesSupported": tuple(_FUNCTIONS[each] for each in FUNCTIONS),
        "MultipleOperationsSupported": ("true",),
        "AuthenticationMechanismsSupported": ("Basic",),
        "Namespace": tuple(NAMESPACES),
        "RegisteredProfilesSupported": tuple(profiles),
    }
    return Advert(tuple(f"service:wbem:{url}" for url in reached), attributes, host)
