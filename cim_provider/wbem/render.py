"""Answers and CIM errors to the bytes of a response.

Owns: the message around an answer and the wrapper that each operation's
objects come in. Knows nothing of sockets. The inner part of an answer depends
on the operation and the answer alone, so it can be kept and sent again under
another message id.
Source: DSP0201 2.4, sections 7.5 and 7.6; DSP0200 1.4, section 5.3.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from typing import Final

import pywbem

from cim_provider.wbem import operations, render_objects, render_pages, render_values
from cim_provider.wbem.operations import Answer, Operation, Selection
from cim_provider.wbem.parse import Message
from cim_provider.wbem.render_values import attribute

DESCRIPTION_CHARS_MAX: Final = 4096
DEFAULT_HOST: Final = "localhost"

_HEAD: Final = (
    '<?xml version="1.0" encoding="utf-8" ?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0">'
    '<MESSAGE ID="{id}" PROTOCOLVERSION="1.0"><SIMPLERSP><{tag} NAME="{name}">'
)
_TAIL: Final = "</{tag}></SIMPLERSP></MESSAGE></CIM>\n"


def render_answer(message: Message, answer: Answer, host: str = DEFAULT_HOST) -> bytes:
    """Return the whole response to a message."""
    body = render_body(message.operation, answer, host)
    return envelope(message.message_id, message.operation, body, message.method)


def envelope(message_id: str, operation: Operation, body: bytes, method: str = "") -> bytes:
    """Return the response around a body.

    `method` is the operation's name as the client spelled it, which clients compare; without
    it the name is the standard's, and that of an extrinsic method in lower case.
    """
    if isinstance(operation, operations.InvokeMethod):
        return _message(message_id, method or operation.method, False, body)
    return _message(message_id, method or type(operation).__name__, True, body)


def render_error(
    message_id: str, method: str, is_intrinsic: bool, cim_error: pywbem.CIMError
) -> bytes:
    """Return the response that tells a CIM error."""
    text = (cim_error.status_description or cim_error.status_code_name)[:DESCRIPTION_CHARS_MAX]
    body = f'<ERROR CODE="{int(cim_error.status_code)}" DESCRIPTION="{attribute(text)}"></ERROR>'
    return _message(message_id, method, is_intrinsic, body.encode())


def _message(message_id: str, method: str, is_intrinsic: bool, body: bytes) -> bytes:
    tag = "IMETHODRESPONSE" if is_intrinsic else "METHODRESPONSE"
    head = _HEAD.format(id=attribute(message_id), tag=tag, name=attribute(method))
    return head.encode() + body + _TAIL.format(tag=tag).encode()


def render_body(operation: Operation, answer: Answer, host: str = DEFAULT_HOST) -> bytes:
    """Return what stands inside the response element.

    `host` is what full paths name as the host where they name none themselves.
    """
    if isinstance(answer, operations.Nothing):
        return b""
    content = "".join(_items(operation, answer, host))
    if isinstance(answer, operations.MethodResult):
        return content.encode()
    end = render_pages.end(answer) if isinstance(answer, operations.Page) else ""
    return f"<IRETURNVALUE>{content}</IRETURNVALUE>{end}".encode()


def _items(operation: Operation, answer: Answer, host: str) -> list[str]:
    match answer:
        case operations.Instances():
            return _instances(operation, answer, host)
        case operations.Paths():
            return _paths(operation, answer, host)
        case operations.Classes():
            return _classes(operation, answer, host)
        case operations.ClassNames():
            return _class_names(operation, answer, host)
        case operations.Qualifiers():
            return [render_objects.qualifier_declaration(item) for item in answer.items]
        case operations.MethodResult():
            return [_method_result(answer)]
        case operations.PropertyValue(value=value, cim_type=cim_type):
            return [render_objects.value(value, cim_type)]
        case operations.Page():
            return render_pages.items(answer, host, operation.namespace)
        case operations.Count(value=count):
            return [f"<VALUE>{count}</VALUE>"]
        case operations.Nothing():
            return []


def _instances(operation: Operation, answer: operations.Instances, host: str) -> list[str]:
    selection = _selection(operation)
    items = [render_objects.instance(item, selection) for item in answer.items]
    if isinstance(operation, operations.GetInstance):
        return items
    if isinstance(operation, operations.EnumerateInstances):
        return [
            "<VALUE.NAMEDINSTANCE>"
            f"{render_values.instance_name(item.path)}{text}</VALUE.NAMEDINSTANCE>"
            for item, text in zip(answer.items, items, strict=True)
        ]
    return [
        _with_path(render_values.instance_path(item.path, host, operation.namespace), text)
        if item.path is not None
        else f"<VALUE.OBJECT>{text}</VALUE.OBJECT>"
        for item, text in zip(answer.items, items, strict=True)
    ]


def _paths(operation: Operation, answer: operations.Paths, host: str) -> list[str]:
    if isinstance(operation, operations.EnumerateInstanceNames | operations.CreateInstance):
        return [render_values.instance_name(path) for path in answer.items]
    return [
        _object_path(render_values.instance_path(path, host, operation.namespace))
        for path in answer.items
    ]


def _classes(operation: Operation, answer: operations.Classes, host: str) -> list[str]:
    selection = _selection(operation)
    items = [render_objects.cim_class(item, selection) for item in answer.items]
    if isinstance(operation, operations.GetClass | operations.EnumerateClasses):
        return items
    return [
        _with_path(render_values.class_path(item.classname, host, operation.namespace), text)
        for item, text in zip(answer.items, items, strict=True)
    ]


def _class_names(operation: Operation, answer: operations.ClassNames, host: str) -> list[str]:
    if isinstance(operation, operations.EnumerateClassNames):
        return [render_values.class_name(name) for name in answer.items]
    return [
        _object_path(render_values.class_path(name, host, operation.namespace))
        for name in answer.items
    ]


def _selection(operation: Operation) -> Selection:
    match operation:
        case (
            operations.GetInstance(selection=selection)
            | operations.EnumerateInstances(selection=selection)
            | operations.Associators(selection=selection)
            | operations.References(selection=selection)
            | operations.GetClass(selection=selection)
            | operations.EnumerateClasses(selection=selection)
        ):
            return selection
    return Selection()


def _with_path(path: str, item: str) -> str:
    return f"<VALUE.OBJECTWITHPATH>{path}{item}</VALUE.OBJECTWITHPATH>"


def _object_path(path: str) -> str:
    return f"<OBJECTPATH>{path}</OBJECTPATH>"


def _method_result(result: operations.MethodResult) -> str:
    # A parameter that is NULL is left out, which means the same: wbemcli, given one without a
    # value, ends without a word and hides even the return value.
    outputs = "".join(_output(*output) for output in result.outputs if output[2] is not None)
    if result.value is None:
        return outputs
    cim_type = pywbem.cimtype(result.value)
    content = render_objects.value(result.value, cim_type)
    return f'<RETURNVALUE PARAMTYPE="{cim_type}">{content}</RETURNVALUE>{outputs}'


def _output(name: str, cim_type: str, item: object) -> str:
    marks = f'PARAMTYPE="{cim_type}"{render_objects.embedded(item)}'
    content = render_objects.value(item, cim_type)
    return f'<PARAMVALUE NAME="{attribute(name)}" {marks}>{content}</PARAMVALUE>'
