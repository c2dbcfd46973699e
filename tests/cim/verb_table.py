"""What each verb of `ha` is over WBEM, or why it has no meaning there.

Owns: the table that the parity test holds against the verbs themselves and against
the schema, and that the page of methods prints.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Methods:
    """The verb is one of these methods, as `Class.Method` or `Class.RequestStateChange(2)`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """The verb only shows what objects of these classes are."""

    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The verb is this operation on objects of a class."""

    operation: str
    class_name: str


@dataclass(frozen=True, slots=True)
class Without:
    """The verb has no form over WBEM, for this reason."""

    reason: str


def methods(*names: str) -> Methods:
    """Return the entry of a verb that is a method."""
    return Methods(names)


def read(*classes: str) -> Read:
    """Return the entry of a verb that only shows something."""
    return Read(classes)


_MACHINE = (
    "it makes or unmakes a node on the machine where it is typed, before or after there is a server"
)
_FILES = "it turns a file of the administrator's machine into another; the result goes into Apply"
_USERS = "who may use the server is decided beside it, by whoever may write its files"
_TOOLS = "it is a tool of developers and works on no cluster of its own"
_WITNESS = "a witness of many clusters stands on a machine without a WBEM server"
_SERVICE = "HA_ClusterControlService"
_RESOURCE = "HA_ClusterResource"
_NODE = "HA_ClusterNode"

VERBS: dict[str, Methods | Read | Written | Without] = {
    "init": Without(_MACHINE),
    "token": methods(f"{_SERVICE}.Invite"),
    "join": Without(_MACHINE),
    "start": methods("HA_Cluster.RequestStateChange(2)"),
    "stop": methods("HA_Cluster.RequestStateChange(3)", f"{_NODE}.RequestStateChange(3)"),
    "leave": methods(f"{_SERVICE}.EvictNode"),
    "status": read("HA_Cluster", _NODE, _RESOURCE),
    "events": read("HA_EventLogEntry"),
    "links": read("HA_HeartbeatLink"),
    "why": methods(f"{_RESOURCE}.Explain", f"{_SERVICE}.Why"),
    "whatif node": methods(f"{_SERVICE}.Simulate"),
    "whatif resource": methods(f"{_SERVICE}.Simulate"),
    "whatif ticket": methods(f"{_SERVICE}.Simulate"),
    "doctor": methods(f"{_SERVICE}.Diagnose"),
    "report": methods(f"{_SERVICE}.Report"),
    "apply": methods(f"{_SERVICE}.Apply"),
    "export": methods(f"{_SERVICE}.ExportConfiguration"),
    "diff": methods(f"{_SERVICE}.Preview"),
    "history": read("HA_ConfigurationRevision"),
    "undo": methods(f"{_SERVICE}.UndoRevision"),
    "verify": methods(f"{_SERVICE}.Verify"),
    "replan": methods("HA_Cluster.RestartTransition"),
    "resource ban": methods(f"{_RESOURCE}.Ban"),
    "resource cleanup": methods(f"{_RESOURCE}.Cleanup", f"{_RESOURCE}.Refresh"),
    "resource clear": methods(f"{_RESOURCE}.ClearMove", f"{_RESOURCE}.Unban"),
    "resource demote": methods(f"{_RESOURCE}.Demote"),
    "resource fail": methods(f"{_RESOURCE}.Fail"),
    "resource manage": methods(f"{_RESOURCE}.Manage"),
    "resource move": methods(f"{_RESOURCE}.Move", f"{_SERVICE}.MoveAllFrom"),
    "resource promote": methods(f"{_RESOURCE}.Promote"),
    "resource restart": methods(f"{_RESOURCE}.Restart", f"{_RESOURCE}.RequestStateChange(10)"),
    "resource start": methods(f"{_RESOURCE}.Start", f"{_RESOURCE}.RequestStateChange(2)"),
    "resource stop": methods(f"{_RESOURCE}.Stop", f"{_RESOURCE}.RequestStateChange(3)"),
    "resource unmanage": methods(f"{_RESOURCE}.Unmanage", f"{_RESOURCE}.RequestStateChange(9)"),
    "node confirm-down": methods(f"{_NODE}.ConfirmDown"),
    "node fence": methods(f"{_NODE}.Fence", f"{_NODE}.RequestStateChange(11)"),
    "node maintenance": methods(f"{_NODE}.SetMaintenance", "HA_Cluster.SetMaintenance"),
    "node online": methods(f"{_NODE}.RequestStateChange(2)", f"{_NODE}.SetStandby"),
    "node remove": methods(f"{_SERVICE}.ForceEvictNode"),
    "node standby": methods(f"{_NODE}.SetStandby", f"{_NODE}.RequestStateChange(6)"),
    "fence history": read("HA_FencingEvent"),
    "fence test": methods(f"{_SERVICE}.TestFencing"),
    "quorum release": methods(f"{_SERVICE}.ReleaseQuorum"),
    "quorum show": read("HA_Cluster"),
    "ticket add": Written("CreateInstance", "HA_Ticket"),
    "ticket remove": Written("DeleteInstance", "HA_Ticket"),
    "ticket activate": methods("HA_Ticket.RequestStateChange(2)"),
    "ticket grant": methods("HA_Ticket.Grant"),
    "ticket list": read("HA_Ticket"),
    "ticket revoke": methods("HA_Ticket.Revoke"),
    "ticket standby": methods("HA_Ticket.RequestStateChange(6)"),
    "witness add": Without(_WITNESS),
    "witness list": Without(_WITNESS),
    "witness remove": Without(_WITNESS),
    "witness run": Without(_WITNESS),
    "wbem audit": Without(_USERS),
    "wbem certificate": Without(_USERS),
    "wbem user add": Without(_USERS),
    "wbem user certificate": Without(_USERS),
    "wbem user list": Without(_USERS),
    "wbem user password": Without(_USERS),
    "wbem user remove": Without(_USERS),
    "wbem user role": Without(_USERS),
    "policy": Without(_TOOLS),
    "import cib": Without(_FILES),
    "import heartbeat": Without(_FILES),
    **{
        f"lab {verb}": Without(_TOOLS)
        for verb in ("down", "freeze", "heal", "isolate", "kill", "restart", "status", "up")
    },
    "sim replay": Without(_TOOLS),
    "sim run": Without(_TOOLS),
    "completion": Without("it prints a script for the shell in which it is typed"),
}
"""Every verb of `ha`."""
