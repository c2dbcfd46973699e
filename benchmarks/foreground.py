"""Run a bench's responder in the foreground, so that the cluster supervises the process itself.

    python -I -S foreground.py RESPONDER ENVIRONMENT-FILE PIDFILE

The bench's service goes to the background once it can answer; here it stays what was started, and
is otherwise the same program with the arguments that the bench's own agent gives it. It answers
datagrams, for which the cluster cannot look: so it accepts connections at READY_PORT, too, from
when it has written its file on, which it does once it can answer.
"""

import os
import runpy
import sys
from _socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

READY_PORT = 6999

responder, environment, pidfile = sys.argv[1:4]
with open(environment) as handle:
    given = dict(word.partition("=")[::2] for word in handle.read().split())
rename, kept = os.rename, []


def write_file_and_accept(old, new):
    """Stand in for the last deed of a start; whatever was open before is closed by then."""
    rename(old, new)
    ready = socket(AF_INET, SOCK_STREAM)
    kept.append(ready)
    ready.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    ready.bind(("127.0.0.1", READY_PORT))
    ready.listen()


os.rename = write_file_and_accept
os.fork = lambda: 0
os.setsid = lambda: None
sys.argv = [responder, given["NODE"], given["VIP"], given["PORT"], pidfile]
runpy.run_path(responder, run_name="__main__")
