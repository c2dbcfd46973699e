"""Request bodies written out: what a known client sent, and makers of odd ones."""

CALL = b"""<?xml version="1.0" encoding="utf-8" ?>
<CIM CIMVERSION="2.0" DTDVERSION="2.0">
<MESSAGE ID="4711" PROTOCOLVERSION="1.0"><SIMPLEREQ><IMETHODCALL NAME="EnumerateInstances">\
<LOCALNAMESPACEPATH><NAMESPACE NAME="root"></NAMESPACE><NAMESPACE NAME="ha"></NAMESPACE>\
</LOCALNAMESPACEPATH>
<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="HA_Node"/></IPARAMVALUE>
<IPARAMVALUE NAME="DeepInheritance"><VALUE>TRUE</VALUE></IPARAMVALUE>
<IPARAMVALUE NAME="LocalOnly"><VALUE>FALSE</VALUE></IPARAMVALUE>
<IPARAMVALUE NAME="IncludeQualifiers"><VALUE>FALSE</VALUE></IPARAMVALUE>
<IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>TRUE</VALUE></IPARAMVALUE>
</IMETHODCALL></SIMPLEREQ>
</MESSAGE></CIM>"""
"""What wbemcli 1.6 sends for `ei`, but for the names."""

NAMESPACE = (
    '<LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="ha"/></LOCALNAMESPACEPATH>'
)


def message(
    request: str, *, cim: str = "2.0", dtd: str = "2.0", protocol: str = "1.0", number: str = "7"
) -> bytes:
    """Return a message around SIMPLEREQ or whatever else stands in one."""
    return (
        f'<CIM CIMVERSION="{cim}" DTDVERSION="{dtd}">'
        f'<MESSAGE ID="{number}" PROTOCOLVERSION="{protocol}">{request}</MESSAGE></CIM>'
    ).encode()


def intrinsic(name: str, parameters: str = "", namespace: str = NAMESPACE) -> bytes:
    """Return the request of an intrinsic operation."""
    return message(
        f'<SIMPLEREQ><IMETHODCALL NAME="{name}">{namespace}{parameters}</IMETHODCALL></SIMPLEREQ>'
    )


def method_call(parameters: str = "", name: str = "Go") -> bytes:
    """Return the request of a static extrinsic method of HA_Node."""
    return message(
        f'<SIMPLEREQ><METHODCALL NAME="{name}"><LOCALCLASSPATH>{NAMESPACE}'
        f'<CLASSNAME NAME="HA_Node"/></LOCALCLASSPATH>{parameters}</METHODCALL></SIMPLEREQ>'
    )
