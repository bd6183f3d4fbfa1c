"""What the checks of all clients share: where the server is, and a runner that prints one line a check."""

import os
import sys
import traceback

URL = os.environ.get("LMOE_URL", "http://127.0.0.1:8080")
# Who answers: the base, so that answers do not depend on the router.
MODEL = os.environ.get("LMOE_MODEL", "base")


def run(*checks):
    """Runs them all. Exit status 1 when one failed; with VERBOSE=1 its trace is printed."""
    failed = []
    for check in checks:
        try:
            check()
            print(f"  {check.__name__}: ok", flush=True)
        except BaseException as error:
            failed.append(check.__name__)
            print(f"  {check.__name__}: FAILED {type(error).__name__}: {str(error)[:600]}", flush=True)
            if os.environ.get("VERBOSE"):
                traceback.print_exc()
    print("ok" if not failed else f"failed: {', '.join(failed)}")
    sys.exit(1 if failed else 0)
