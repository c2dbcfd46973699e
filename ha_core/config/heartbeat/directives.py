"""Directives of `ha.cf` that have no counterpart here, each with the reason.

Owns: the table. Those that have one are read by `ha_cf`. Source: Heartbeat 3,
`heartbeat/config.c`.
"""

from types import MappingProxyType
from typing import Final

_TIMERS: Final = "all timers derive from options.dead_after"
_WIRE: Final = "messages between nodes have a form of their own, encrypted and authenticated"
_PING: Final = "a ping target is an address; a host adapter is seen by the monitors of what uses it"
_EXOTIC: Final = "links are udp, broadcast, multicast or serial"
_IDENTITY: Final = "a node is known by its name, and counts its starts by itself"
_CRM: Final = "there is no separate resource manager"
_LOG: Final = "each node writes had.log, and 'ha events' tells what happened in the cluster"
_PROCESS: Final = "the daemon sees to that by itself"
_CHILD: Final = "start it by the system's service manager, or as a resource of class process"
_FENCE: Final = (
    "write a device under fence_devices, with its parameters by name; "
    "here they stand in the order of the plug-in's getconfignames"
)
_WATCHDOG: Final = (
    "name it in each node's node.yaml: 'watchdog: {device: /dev/watchdog, timeout: 10s}'"
)

WITHOUT_COUNTERPART: Final = MappingProxyType(
    {
        "keepalive": _TIMERS,
        "warntime": _TIMERS,
        "initdead": "nothing starts before a majority of the nodes is there, however long it takes",
        "max_rexmit_delay": _TIMERS,
        "autojoin": "a node joins by 'ha join TOKEN' alone",
        "uuidfrom": _IDENTITY,
        "hbgenmethod": _IDENTITY,
        "quorum_server": "add a witness: a node with 'witness: true'",
        "hbaping": _PING,
        "tipc": _EXOTIC,
        "rds": _EXOTIC,
        "openais": _EXOTIC,
        "hopfudge": "messages are not passed on from node to node",
        "apiauth": "programs ask the node's control socket, which knows its callers' users",
        "msgfmt": _WIRE,
        "compression": _WIRE,
        "compression_threshold": _WIRE,
        "traditional_compression": _WIRE,
        "log_badpack": "a stranger's packets are counted, and never stop a node",
        "stonith": _FENCE,
        "stonith_host": _FENCE,
        "watchdog": _WATCHDOG,
        "respawn": _CHILD,
        "failfast": _CHILD,
        "crm_daemon_dir": _CRM,
        "crmd_spawns_pengine": _CRM,
        "record_config_changes": "every change of the configuration is kept: 'ha history'",
        "record_pengine_inputs": "'ha why' gives the reasons of each placement",
        "enable_config_writes": _CRM,
        "env": "agents get what their standards say, and the parameters of their resource",
        "use_logd": _LOG,
        "conn_logd_time": _LOG,
        "logfile": _LOG,
        "debugfile": _LOG,
        "logfacility": _LOG,
        "syslogmsgfmt": _LOG,
        "debug": _LOG,
        "coredumps": _PROCESS,
        "coreroot": _PROCESS,
        "realtime": _PROCESS,
        "rtprio": _PROCESS,
        "memreserve": _PROCESS,
        "use_apphbd": _PROCESS,
        "normalpoll": _PROCESS,
    }
)
IPFAIL: Final = "resources prefer the node that reaches more ping targets, see 'ping'"
