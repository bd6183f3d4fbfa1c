"""Runs each client's checks in an environment of its own and prints a table. Called by scripts/check-clients."""

import argparse
import os
import pathlib
import re
import subprocess
import sys

from server import Server

HERE = pathlib.Path(__file__).parent
CLIENTS = sorted(path.stem for path in HERE.glob("*.py") if path.name not in ("check.py", "common.py", "server.py"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lmoe", type=pathlib.Path)
    parser.add_argument("--environments", type=pathlib.Path, required=True)
    parser.add_argument("--markdown", action="store_true", help="the table for the docs")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    unknown = set(options.names) - set(CLIENTS)
    if unknown:
        sys.exit(f"no client {', '.join(sorted(unknown))}; there are {', '.join(CLIENTS)}")
    results = {}
    with Server(options.lmoe, os.environ.get("LMOE_URL")) as url:
        for name in options.names or CLIENTS:
            print(f"==> {name}", file=sys.stderr, flush=True)
            results[name] = check(name, options.environments, url)
    print(table(results, options.markdown))
    sys.exit(any(not result["ok"] for result in results.values()))


def check(name, environments, url):
    """The outcome of one client: its versions, and what each check said."""
    packages = re.match(r"# packages: (.+)", (HERE / f"{name}.py").read_text()).group(1).split()
    environment = environments / name
    python = environment / "bin" / "python"
    mark = environment / ("installed-" + re.sub(r"\W+", "-", " ".join(packages)))
    try:
        if not mark.exists():
            subprocess.run([sys.executable, "-m", "venv", environment], check=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, capture_output=True, text=True)
            mark.touch()
        done = subprocess.run(
            [python, HERE / f"{name}.py"], capture_output=True, text=True, timeout=900, env=os.environ | {"LMOE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"})
        lines, error = done.stdout.splitlines(), done.stderr
    except subprocess.CalledProcessError as failure:
        (lines, error) = ([], f"not installed: {(failure.stderr or '')[-300:]}")
    except subprocess.TimeoutExpired:
        (lines, error) = ([], "not done after 900 s")
    checks = dict(re.match(r"  (\w+): (.*)", line).groups() for line in lines if re.match(r"  \w+: ", line))
    ok = bool(checks) and all(said == "ok" for said in checks.values())
    for what, said in checks.items():
        print(f"    {what}: {said}", file=sys.stderr)
    if not checks:
        print(f"    {error[-600:]}", file=sys.stderr)
    return {"versions": versions(python, packages), "checks": checks, "ok": ok}


def versions(python, packages):
    if not python.exists():
        return ", ".join(packages)
    names = [re.sub(r"[\[@].*", "", package) for package in packages]
    code = "import sys, importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True)
    return done.stdout.strip() or ", ".join(names)


def table(results, is_markdown):
    rows = [(result["versions"], ", ".join(what.replace("_", " ") for what, said in result["checks"].items() if said == "ok") or "-",
             ", ".join(what.replace("_", " ") for what, said in result["checks"].items() if said != "ok") or ("" if result["checks"] else "did not run"))
            for result in results.values()]
    head = ("client", "works", "does not")
    if is_markdown:
        return "\n".join("| " + " | ".join(row) + " |" for row in [head, ("---",) * 3, *rows])
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *rows])


main()
