"""Runs the command it is given and prints what that took, as JSON."""

import json
import os
import subprocess
import sys
import time

began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
said = process.stdout.read()
_, status, usage = os.wait4(process.pid, 0)
took = time.perf_counter() - began
if status != 0:
    sys.exit(f"it ended with {os.waitstatus_to_exitcode(status)}")
print(
    json.dumps(
        {
            "ms": took * 1000,
            "cpu_ms": (usage.ru_utime + usage.ru_stime) * 1000,
            "mib": usage.ru_maxrss / 1024,
            "said": said.decode(),
        }
    )
)
