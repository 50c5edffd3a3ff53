"""Gives a process the host name that `LOCAL_HOSTNAME` says, as a container has one of its own.

Python imports it by itself where this folder is on `PYTHONPATH`. It imports nothing that costs time.
"""

import os
import socket

_NAME = os.environ.get("LOCAL_HOSTNAME", "")
if _NAME:
    socket.gethostname = lambda: _NAME
