"""The call that began a job, as a CIM_InstMethodCall before and after it.

Owns: what is kept of a call, with no secret and nothing long in it, and the two instances.
Source: DMTF CIM Schema 2.41 (Final), CIM_InstMethodCall and CIM_MethodResult.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterable, Mapping
from typing import Final

import pywbem

from cim_provider.engines.ha_core_secrecy import HIDDEN, is_secret
from cim_provider.mapping.job_records import COMPLETED, EXCEPTION, Call, JobRecord
from cim_provider.mapping.rows import Ref

CALL_CLASS: Final = "CIM_InstMethodCall"
PARAMETERS_CLASS: Final = "__MethodParameters"
KEPT_CHARACTERS: Final = 200
_LONG: Final = ("Text",)
"""Configurations, which may hold secrets anywhere."""
_RETURNED: Final = {COMPLETED: "0", EXCEPTION: "4"}


def call_of(target: Ref, given: Mapping[str, object], *, has_words: bool) -> Call:
    """Return what is kept of a call; a text that is long or hidden is told by its length."""
    keys = tuple((name, str(value)) for name, value in target.keys if not isinstance(value, Ref))
    return Call(target.class_name, keys, tuple(_kept(given)), has_words)


def _kept(given: Mapping[str, object]) -> Iterable[tuple[str, str, str]]:
    for name, value in given.items():
        if value is None or isinstance(value, list | tuple | Ref | pywbem.CIMInstance):
            continue
        text = str(int(value)) if isinstance(value, pywbem.CIMInt) else str(value)
        if is_secret(name):
            text, value = HIDDEN, HIDDEN
        elif name in _LONG or len(text) > KEPT_CHARACTERS:
            text = f"({len(text)} characters)"
        yield name, str(pywbem.cimtype(value)), text


def before(record: JobRecord) -> pywbem.CIMInstance | None:
    """Return the call as it came; None where a server of an earlier version has kept none."""
    if not record.call.target:
        return None
    given = {name: _value(text, kind) for name, kind, text in record.call.given}
    return _call(record, given, is_before=True)


def inputs(record: JobRecord) -> pywbem.CIMInstance | None:
    """Return the parameters of the call; None where none were given, or none were kept."""
    given = {name: _value(text, kind) for name, kind, text in record.call.given}
    return pywbem.CIMInstance(PARAMETERS_CLASS, given) if given else None


def outputs(record: JobRecord, state: int, text: str) -> pywbem.CIMInstance | None:
    """Return what the call gives back once its job is over; None before, and without an end.

    The reference to the job is known to whoever reads this.
    """
    if state not in _RETURNED:
        return None
    told: dict[str, object] = {"ReturnValue": pywbem.Uint32(_RETURNED[state])}
    if record.call.has_words:
        told["Message"] = text
    return pywbem.CIMInstance(PARAMETERS_CLASS, told)


def _value(text: str, kind: str) -> object:
    # To pywbem, every text that is not empty is true.
    return text == str(True) if kind == "boolean" else pywbem.cimvalue(text, kind)


def after(record: JobRecord, state: int, text: str) -> pywbem.CIMInstance | None:
    """Return the call when it is over; None before, and where nobody waited for that."""
    if not record.call.target or state not in _RETURNED:
        return None
    told = {"Message": text} if record.call.has_words else {}
    found = _call(record, told, is_before=False)
    found["ReturnValue"] = _RETURNED[state]
    return found


def _call(
    record: JobRecord, parameters: Mapping[str, object], *, is_before: bool
) -> pywbem.CIMInstance:
    call = record.call
    path = pywbem.CIMInstanceName(call.target, dict(call.keys))
    found = pywbem.CIMInstance(
        CALL_CLASS,
        {
            "MethodName": record.method.rpartition(".")[2],
            "PreCall": is_before,
            "SourceInstanceModelPath": path.to_wbem_uri(format="historical").lstrip("/:"),
        },
    )
    found.properties["SourceInstance"] = _embedded("SourceInstance", call.target, dict(call.keys))
    if parameters:
        embedded = _embedded("MethodParameters", PARAMETERS_CLASS, parameters)
        found.properties["MethodParameters"] = embedded
    return found


def _embedded(name: str, class_name: str, properties: Mapping[str, object]) -> pywbem.CIMProperty:
    return pywbem.CIMProperty(
        name, pywbem.CIMInstance(class_name, dict(properties)), embedded_object="object"
    )
