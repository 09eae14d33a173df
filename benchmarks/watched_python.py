# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""`watched_python.py LOG PYTHON ARGUMENT…` runs PYTHON and adds the most memory it had, in KiB, to LOG.

It imports nothing that it does not need: it is started once for every module.
"""

import os
import sys

log, python, *arguments = sys.argv[1:]
process = os.posix_spawn(python, [python, *arguments], os.environ)
_unused, status, usage = os.wait4(process, 0)
with open(log, "a") as file:
    file.write(f"{usage.ru_maxrss}\n")
sys.exit(os.waitstatus_to_exitcode(status))
