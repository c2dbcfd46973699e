"""The parts of a pulled answer to XML text.

Owns: the wrapper of each kind of object and the two output parameters that end
a part. Knows nothing of the message around it.
Source: DSP0200 1.4, section 5.3.2.24.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterator

from cim_provider.wbem import render_objects, render_values
from cim_provider.wbem.operations import Page, Paths, PullKind


def items(page: Page, host: str, namespace: str) -> Iterator[str]:
    """Yield the objects; host and namespace stand in where a path has none."""
    if isinstance(page.objects, Paths):
        for path in page.objects.items:
            yield render_values.instance_path(path, host, namespace)
        return
    for each in page.objects.items:
        content = render_objects.instance(each, page.selection)
        if page.kind is not PullKind.INSTANCES:
            where = render_values.instance_path(each.path, host, namespace)
            content = f"<VALUE.INSTANCEWITHPATH>{where}{content}</VALUE.INSTANCEWITHPATH>"
        yield content


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
