"""The parts of a pulled answer to XML text.

Owns: the wrapper of each kind of object and the two output parameters that end
a part. Knows nothing of the message around it.
Source: DSP0200 1.4, section 5.3.2.24.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterator

import pywbem

from cim_provider.wbem import render_objects, render_values
from cim_provider.wbem.fragments import Fragments
from cim_provider.wbem.operations import Page, Paths, PullKind
from cim_provider.wbem.render_plain import Plain, PlainTexts


def items(page: Page, host: str, namespace: str, fragments: Fragments) -> Iterator[bytes]:
    """Yield the objects; host and namespace stand in where a path has none."""
    if isinstance(page.objects, Paths):
        for each in page.objects.items:
            yield render_values.instance_path(each, host, namespace).encode()
        return

    def write(item: pywbem.CIMInstance) -> str:
        content = render_objects.instance(item, page.selection)
        if page.kind is PullKind.INSTANCES:
            return content
        return _with_path(render_values.instance_path(item.path, host, namespace), content)

    texts = PlainTexts(page.selection, host)

    def write_plain(item: Plain) -> str:
        content = texts.content(item)
        return content if page.kind is PullKind.INSTANCES else _with_path(texts.path(item), content)

    frame = (page.kind, page.selection, host, namespace)
    yield from fragments.written(frame, page.objects.items, write, write_plain)


def _with_path(path: str, content: str) -> str:
    return f"<VALUE.INSTANCEWITHPATH>{path}{content}</VALUE.INSTANCEWITHPATH>"


def end(page: Page) -> str:
    """Return the output parameters: clients want both, also when the sequence has ended."""
    is_end = "TRUE" if page.is_end else "FALSE"
    declared = ""
    if page.query_class is not None:
        content = render_objects.cim_class(page.query_class, render_objects.EVERYTHING)
        declared = f'<PARAMVALUE NAME="QueryResultClass">{content}</PARAMVALUE>'
    return (
        f'<PARAMVALUE NAME="EndOfSequence" PARAMTYPE="boolean"><VALUE>{is_end}</VALUE></PARAMVALUE>'
        '<PARAMVALUE NAME="EnumerationContext" PARAMTYPE="string">'
        f"<VALUE>{render_values.escape(page.context)}</VALUE></PARAMVALUE>{declared}"
    )
