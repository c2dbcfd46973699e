"""Run a bench's responder in the foreground, so that the cluster supervises the process itself.

    python -I -S foreground.py RESPONDER ENVIRONMENT-FILE PIDFILE

The bench's service goes to the background once it can answer; here it stays what was started, and
is otherwise the same program with the arguments that the bench's own agent gives it.
"""

import os
import runpy
import sys

responder, environment, pidfile = sys.argv[1:4]
with open(environment) as handle:
    given = dict(word.partition("=")[::2] for word in handle.read().split())
os.fork = lambda: 0
os.setsid = lambda: None
sys.argv = [responder, given["NODE"], given["VIP"], given["PORT"], pidfile]
runpy.run_path(responder, run_name="__main__")
