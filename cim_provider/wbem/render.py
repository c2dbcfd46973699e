"""Answers and CIM errors to the bytes of a response.

Owns: the message around an answer and the wrapper that each operation's
objects come in. Knows nothing of sockets. The inner part of an answer depends
on the operation and the answer alone, so it can be kept and sent again under
another message id.
Source: DSP0201 2.4, sections 7.5 and 7.6; DSP0200 1.4, section 5.3.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import pywbem

from cim_provider.wbem import operations, render_objects, render_pages, render_values
from cim_provider.wbem.fragments import Fragments
from cim_provider.wbem.operations import Answer, Operation, Selection
from cim_provider.wbem.parse import Message
from cim_provider.wbem.render_plain import Plain, PlainTexts
from cim_provider.wbem.render_values import attribute

DESCRIPTION_CHARS_MAX: Final = 4096
DEFAULT_HOST: Final = "localhost"
LONG_BYTES: Final = 262_144
"""Putting together what is longer would take its time, and its memory twice."""
PIECE_BYTES_MIN: Final = 8_192
"""Pieces are sent one by one if they are as long as this on average."""
Rest: TypeAlias = tuple[bytes, ...]
"""A message from behind its ID on, in pieces."""

_Unwritten: TypeAlias = (
    operations.Paths
    | operations.Classes
    | operations.ClassNames
    | operations.Qualifiers
    | operations.PropertyValue
    | operations.Count
)

_BEFORE_ID: Final = (
    b'<?xml version="1.0" encoding="utf-8" ?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="'
)
_AFTER_ID: Final = b'" PROTOCOLVERSION="1.0">'
_END: Final = b"</MESSAGE></CIM>\n"


def render_answer(message: Message, answer: Answer, host: str = DEFAULT_HOST) -> bytes:
    """Return the whole response to a message."""
    pieces = render_pieces(message.operation, answer, host)
    simple = simple_response(message.method, message.is_intrinsic, pieces)
    return b"".join(response(message.message_id, rest_of_message(simple)))


def render_error(
    message_id: str, method: str, is_intrinsic: bool, cim_error: pywbem.CIMError
) -> bytes:
    """Return the response that tells a CIM error."""
    simple = simple_response(method, is_intrinsic, error_pieces(cim_error))
    return b"".join(response(message_id, rest_of_message(simple)))


def response(message_id: str, rest: Rest) -> tuple[bytes, ...]:
    """Return a whole response, in parts to be sent one after the other."""
    return (_BEFORE_ID, attribute(message_id).encode(), *rest)


def rest_of_message(simple: Sequence[bytes]) -> Rest:
    """Return a message with one answer, from behind its ID on; a long one stays in its pieces."""
    size = sum(map(len, simple))
    if size > LONG_BYTES and size > len(simple) * PIECE_BYTES_MIN:
        return (_AFTER_ID, *simple, _END)
    return (b"".join((_AFTER_ID, *simple, _END)),)


def rest_of_batch(simples: Iterable[Iterable[bytes]]) -> Rest:
    """Return a message with the answers to a batch, from behind its ID on."""
    pieces = (piece for simple in simples for piece in simple)
    return (b"".join((_AFTER_ID, b"<MULTIRSP>", *pieces, b"</MULTIRSP>", _END)),)


def simple_response(method: str, is_intrinsic: bool, pieces: Iterable[bytes]) -> list[bytes]:
    """Return the answer to one operation; `method` as the client spelled it, who compares it."""
    tag = b"IMETHODRESPONSE" if is_intrinsic else b"METHODRESPONSE"
    begin = b'<SIMPLERSP><%b NAME="%b">' % (tag, attribute(method).encode())
    return [begin, *pieces, b"</%b></SIMPLERSP>" % tag]


def error_pieces(cim_error: pywbem.CIMError) -> tuple[bytes, ...]:
    """Return what stands inside the response element of an operation that failed."""
    text = (cim_error.status_description or cim_error.status_code_name)[:DESCRIPTION_CHARS_MAX]
    code = int(cim_error.status_code)
    return (f'<ERROR CODE="{code}" DESCRIPTION="{attribute(text)}"></ERROR>'.encode(),)


def render_pieces(
    operation: Operation,
    answer: Answer,
    host: str = DEFAULT_HOST,
    fragments: Fragments | None = None,
) -> Iterator[bytes]:
    """Yield what stands inside the response element, each object by itself.

    `host` is what full paths name as the host where they name none themselves. Instances that are
    in `fragments` are not written again. Who renders a long answer can let others have their turn
    between two objects.
    """
    if isinstance(answer, operations.Nothing):
        return
    if isinstance(answer, operations.MethodResult):
        yield _method_result(answer).encode()
        return
    yield b"<IRETURNVALUE>"
    if isinstance(answer, operations.Instances):
        yield from _instances(operation, answer, host, fragments or Fragments())
    elif isinstance(answer, operations.Page):
        yield from render_pages.items(answer, host, operation.namespace, fragments or Fragments())
    else:
        for item in _items(operation, answer, host):
            yield item.encode()
    yield b"</IRETURNVALUE>"
    if isinstance(answer, operations.Page):
        yield render_pages.end(answer).encode()


def _items(operation: Operation, answer: _Unwritten, host: str) -> Iterator[str]:
    match answer:
        case operations.Paths():
            return _paths(operation, answer, host)
        case operations.Classes():
            return _classes(operation, answer, host)
        case operations.ClassNames():
            return _class_names(operation, answer, host)
        case operations.Qualifiers():
            return map(render_objects.qualifier_declaration, answer.items)
        case operations.PropertyValue(value=value, cim_type=cim_type):
            return iter((render_objects.value(value, cim_type),))
        case operations.Count(value=count):
            return iter((f"<VALUE>{count}</VALUE>",))


def _instances(
    operation: Operation, answer: operations.Instances, host: str, fragments: Fragments
) -> Iterator[bytes]:
    selection, namespace = _selection(operation), operation.namespace

    def write(item: pywbem.CIMInstance) -> str:
        text = render_objects.instance(item, selection)
        if isinstance(operation, operations.GetInstance):
            return text
        if isinstance(operation, operations.EnumerateInstances):
            return _with_name(render_values.instance_name(item.path), text)
        if item.path is None:
            return f"<VALUE.OBJECT>{text}</VALUE.OBJECT>"
        return _with_path(render_values.instance_path(item.path, host, namespace), text)

    texts = PlainTexts(selection, host)

    def write_plain(item: Plain) -> str:
        text = texts.content(item)
        if isinstance(operation, operations.GetInstance):
            return text
        if isinstance(operation, operations.EnumerateInstances):
            return _with_name(texts.name(item), text)
        return _with_path(texts.path(item), text)

    frame = (type(operation), selection, host, namespace)
    return fragments.written(frame, answer.items, write, write_plain)


def _paths(operation: Operation, answer: operations.Paths, host: str) -> Iterator[str]:
    if isinstance(operation, operations.EnumerateInstanceNames | operations.CreateInstance):
        return map(render_values.instance_name, answer.items)
    return (
        _object_path(render_values.instance_path(path, host, operation.namespace))
        for path in answer.items
    )


def _classes(operation: Operation, answer: operations.Classes, host: str) -> Iterator[str]:
    selection = _selection(operation)
    has_path = not isinstance(operation, operations.GetClass | operations.EnumerateClasses)
    for item in answer.items:
        text = render_objects.cim_class(item, selection)
        if has_path:
            path = render_values.class_path(item.classname, host, operation.namespace)
            text = _with_path(path, text)
        yield text


def _class_names(operation: Operation, answer: operations.ClassNames, host: str) -> Iterator[str]:
    if isinstance(operation, operations.EnumerateClassNames):
        return map(render_values.class_name, answer.items)
    return (
        _object_path(render_values.class_path(name, host, operation.namespace))
        for name in answer.items
    )


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


def _with_name(name: str, item: str) -> str:
    return f"<VALUE.NAMEDINSTANCE>{name}{item}</VALUE.NAMEDINSTANCE>"


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
