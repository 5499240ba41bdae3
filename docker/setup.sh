#!/bin/sh
# Sets up what ivrd needs on this machine: Debian packages, the virtual environment, Asterisk.
# Run it as often as you like (`make setup`): what is there already is left alone. Needs root or sudo only for packages
# and for building the root file system; nothing that runs later needs either.
#
#   PYTHON=python3.12        the interpreter of the virtual environment (default: the first python3 that is 3.11 or newer)
#   ASTERISK_ROOTFS=DIR      use (and make, if missing) the Asterisk root file system there; clones can share one
#   DEBIAN_MIRROR=URL        where Debian forky comes from (default: the mirror in this machine's own apt sources)
set -eu

cd "$(dirname "$0")/.."
HERE=$PWD
CACHE=$HERE/.cache
LOG=$CACHE/setup.log
SUITE=forky
OLDEST_ASTERISK=20
IMAGE=ivrd-asterisk
child=

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

interrupted() {
    # A background job ignores the terminal's Ctrl-C, so it is passed on.
    [ -z "$child" ] || kill "$child" 2>/dev/null || true
    say "interrupted; run it again to go on" >&2
    exit 130
}
trap interrupted INT TERM HUP

# with_progress SENTENCE COMMAND…: runs the command with its output in the log, a line every five seconds.
with_progress() {
    sentence=$1
    shift
    say "$sentence"
    : >"$LOG"
    "$@" >"$LOG" 2>&1 </dev/null &
    child=$!
    waited=0
    while kill -0 "$child" 2>/dev/null; do
        sleep 1
        waited=$((waited + 1))
        if [ $((waited % 5)) -eq 0 ]; then
            say "  … ${waited} s  $(grep -v '^WARNING' "$LOG" | tail -n 1 | tr -d '\r' | cut -c 1-100)"
        fi
    done
    status=0
    wait "$child" || status=$?
    child=
    return "$status"
}

show_log_and_fail() {
    tail -n 15 "$LOG" >&2
    fail "$*"
}

# Root's work is done as root, by sudo, or named so that somebody else can do it.
can_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1; }
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}
# Asks for the password now, while somebody is looking, and not in the middle of a download.
become_root() { [ "$(id -u)" -eq 0 ] || sudo -v; }

major_of() { sed -n 's/^Asterisk \(certified\/\)\{0,1\}\([0-9][0-9]*\)\..*/\2/p'; }

# ---------------------------------------------------------------------------------------------------- packages

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    found=$("${PYTHON:-python3}" -V 2>/dev/null) || found="not here, or doesn't start"
    fail "ivrd needs Python 3.11 or newer; ${PYTHON:-python3} is $found." \
        "On Debian 12: apt-get install python3; elsewhere give it as PYTHON=/path/to/python3.11."
}

install_packages() {
    # $*: Debian package names
    if ! can_be_root; then
        fail "these Debian packages are missing: $*. Installing them needs root, and there is no sudo here:" \
            "run 'apt-get install $*' as root, then start again."
    fi
    command -v apt-get >/dev/null 2>&1 ||
        fail "these are missing: $* (Debian's names); there is no apt-get here, so install them your system's way."
    become_root || fail "sudo was refused; run 'apt-get install $*' as root, then start again."
    apt_install() {
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
    }
    with_progress "installing the Debian packages $*" apt_install "$@" && return
    with_progress "reading the package lists anew" as_root apt-get -o DPkg::Lock::Timeout=300 update ||
        show_log_and_fail "apt-get update failed: are this machine's apt sources reachable?"
    with_progress "installing the Debian packages $*" apt_install "$@" ||
        show_log_and_fail "these Debian packages can't be had from this machine's apt sources: $*"
}

# What only the tests want: a PostgreSQL server's programs and a browser. `docker/setup.sh test` asks for them.
install_for_tests() {
    if ! command -v initdb >/dev/null 2>&1 && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
        # The tests make clusters of their own: the package must not make and start one for the whole machine.
        install_packages postgresql-common
        as_root sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
        install_packages postgresql
    fi
    browser=
    command -v chromium >/dev/null 2>&1 || browser="$browser chromium"
    # Playwright drives it by a node of its own, which is linked to this and doesn't bring it.
    ls /usr/lib/*/libatomic.so.1 /lib/*/libatomic.so.1 >/dev/null 2>&1 || browser="$browser libatomic1"
    [ -z "$browser" ] || install_packages $browser
}

# ---------------------------------------------------------------------------------------------------- environment

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

# What the lock no longer names goes: otherwise something might work here alone.
remove_strays() {
    names='s/==.*//; y/ABCDEFGHIJKLMNOPQRSTUVWXYZ_./abcdefghijklmnopqrstuvwxyz--/'
    locked=" $(grep -E '^[A-Za-z0-9._-]+==' requirements.lock | sed "$names" | tr '\n' ' ')"
    strays=
    for package in $(pip list --format=freeze --exclude-editable --exclude pip 2>/dev/null | sed "$names"); do
        case $locked in *" $package "*) ;; *) strays="$strays $package" ;; esac
    done
    [ -z "$strays" ] || pip uninstall -y $strays
}

install_locked() {
    pip install --progress-bar off --require-hashes -r requirements.lock && remove_strays
}

set_up_environment() {
    base="$("$python" -V) $HERE"
    lock=$(sha256sum <requirements.lock)
    project=$(sha256sum <pyproject.toml)
    if [ "$(cat .venv/.base-stamp 2>/dev/null)" != "$base" ]; then
        with_progress "making the virtual environment .venv" "$python" -m venv --clear .venv ||
            show_log_and_fail "the virtual environment could not be made in $HERE/.venv"
        printf '%s' "$base" >.venv/.base-stamp
    fi
    # A changed lock is installed in place: what runs out of this environment goes on.
    if [ "$(cat .venv/.lock-stamp 2>/dev/null)" != "$lock" ]; then
        with_progress "installing the Python packages of requirements.lock (the first time about 150 MB, half a minute)" \
            install_locked ||
            show_log_and_fail "the Python packages can't be had; is PyPI (or the index pip is set to) reachable?"
        printf '%s' "$lock" >.venv/.lock-stamp
    fi
    if [ ! -x .venv/bin/ivrd ] || [ "$(cat .venv/.project-stamp 2>/dev/null)" != "$project" ]; then
        with_progress "installing ivrd into .venv" pip install --no-deps --no-build-isolation -e . ||
            show_log_and_fail "ivrd could not be installed into .venv"
        printf '%s' "$project" >.venv/.project-stamp
    fi
}

# ---------------------------------------------------------------------------------------------------- Asterisk

on_path() {
    command -v asterisk >/dev/null 2>&1 || return 1
    major=$(asterisk -V 2>/dev/null | major_of)
    [ "${major:-0}" -ge "$OLDEST_ASTERISK" ]
}

docker_answers() {
    command -v docker >/dev/null 2>&1 && timeout 10 docker info >/dev/null 2>&1
}

build_image() {
    # As in ivr/testbed/program.py.
    tag=$IMAGE:$(cat docker/asterisk.Dockerfile docker/install-asterisk.sh docker/runtime_requirements.py \
        requirements.lock | sha256sum | cut -c 1-12)
    docker image inspect "$tag" >/dev/null 2>&1 && return
    with_progress "building the Docker image $tag (Debian forky with Asterisk, about 600 MB)" \
        docker build --tag "$tag" --file docker/asterisk.Dockerfile . ||
        show_log_and_fail "the Docker image could not be built"
}

# Asterisk of a root file system runs without chroot, by that system's own loader; see ivr/testbed/program.py.
rootfs_works() {
    root=$1
    loader=$(ls "$root"/lib64/ld-linux-*.so.* "$root"/lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
    [ -n "$loader" ] && [ -x "$root/usr/sbin/asterisk" ] || return 1
    libraries=$(ls -d "$root"/usr/lib/*/asterisk/modules 2>/dev/null | head -n 1)
    libraries=${libraries%/asterisk/modules}
    major=$("$loader" --library-path "$libraries" "$root/usr/sbin/asterisk" -V 2>/dev/null | major_of)
    [ "${major:-0}" -ge "$OLDEST_ASTERISK" ]
}

own_mirror() {
    # apt's own view of its sources, in whichever of the two formats they are written.
    . /etc/os-release
    if [ "${ID:-}" = debian ] && command -v apt-get >/dev/null 2>&1; then
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
            awk -v release="${VERSION_CODENAME:-}" '$2 == release && $3 == "main" { print $1; exit }'
    fi
}

discard_rootfs() {
    [ -e "$1" ] || return 0
    # A run that was cut off may have left /proc mounted in there: never delete through a mount.
    awk -v below="$1/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mounted; do
        as_root umount "$mounted"
    done
    as_root rm -rf --one-file-system "$1"
}

in_rootfs() {
    root=$1
    shift
    as_root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root ${http_proxy:+http_proxy="$http_proxy"} \
        ${https_proxy:+https_proxy="$https_proxy"} chroot "$root" "$@"
}

build_rootfs() {
    target=$1
    can_be_root || fail "there is no Asterisk $OLDEST_ASTERISK or newer on PATH and no Docker engine, and building" \
        "a root file system with one needs root or sudo, which are not here. Do one of the three," \
        "or point ASTERISK_ROOTFS to a root file system that somebody made already."
    become_root || fail "sudo was refused; building the Asterisk root file system needs it, or ASTERISK_ROOTFS=DIR."
    command -v debootstrap >/dev/null 2>&1 || [ -x /usr/sbin/debootstrap ] || install_packages debootstrap
    parent=$(dirname "$target")
    mkdir -p "$parent"
    free=$(df -Pk "$parent" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge 1500000 ] || fail "$parent has $((free / 1024)) MB free; the Asterisk root file system needs 1500 MB."
    mirror=${DEBIAN_MIRROR:-$(own_mirror)}
    [ -n "$mirror" ] || fail "this machine's apt sources name no Debian mirror; give one as DEBIAN_MIRROR=URL."
    mirror=${mirror%/}
    # Behind a proxy apt knows of, debootstrap's wget needs to be told.
    if [ -z "${http_proxy:-}" ] && command -v apt-config >/dev/null 2>&1; then
        proxy=
        eval "$(apt-config shell proxy Acquire::http::Proxy)"
        if [ -n "$proxy" ] && [ "$proxy" != DIRECT ]; then http_proxy=$proxy; fi
    fi
    script=/usr/share/debootstrap/scripts/$SUITE
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid # bookworm's debootstrap knows no forky yet
    include=
    case $mirror in https:*) include=--include=ca-certificates ;; esac

    # Built beside its place and renamed at the end: what stands at $target is whole.
    part=$target.part
    discard_rootfs "$part"
    with_progress "downloading Debian $SUITE from $mirror (220 MB unpacked)" \
        as_root env ${http_proxy:+http_proxy="$http_proxy"} PATH="$PATH:/usr/sbin:/sbin" \
        debootstrap --variant=minbase $include "$SUITE" "$part" "$mirror" "$script" ||
        show_log_and_fail "Debian $SUITE could not be unpacked into $part; run it again to try anew."
    # The machine's own way to its mirror (proxy, relaxed date checks of a snapshot) holds inside as well.
    if command -v apt-config >/dev/null 2>&1; then
        apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries)[ :]' |
            as_root tee "$part/etc/apt/apt.conf.d/90machine" >/dev/null || true
    fi
    if [ -s /etc/ssl/certs/ca-certificates.crt ] && [ -n "$include" ]; then
        as_root cp /etc/ssl/certs/ca-certificates.crt "$part/etc/ssl/certs/ca-certificates.crt"
    fi
    as_root cp docker/install-asterisk.sh "$part/root/install-asterisk.sh"
    with_progress "installing Asterisk into it (another 320 MB)" in_rootfs "$part" sh /root/install-asterisk.sh ||
        show_log_and_fail "Asterisk could not be installed into $part; run it again to try anew."
    rootfs_works "$part" || fail "the Asterisk in $part was installed but doesn't run on this machine."
    discard_rootfs "$target"
    as_root mv "$part" "$target"
}

set_up_asterisk() {
    if [ -n "${ASTERISK_ROOTFS:-}" ]; then
        case $ASTERISK_ROOTFS in /*) ;; *) ASTERISK_ROOTFS=$HERE/$ASTERISK_ROOTFS ;; esac
        rootfs_works "$ASTERISK_ROOTFS" || build_rootfs "$ASTERISK_ROOTFS"
    elif on_path; then
        return
    elif docker_answers; then
        build_image
    elif ! rootfs_works "$HERE/.asterisk/$SUITE"; then
        build_rootfs "$HERE/.asterisk/$SUITE"
    fi
}

# ---------------------------------------------------------------------------------------------------- all of it

mkdir -p "$CACHE" 2>/dev/null && [ -w "$CACHE" ] && [ -w . ] ||
    fail "$(id -un) may not write in $HERE, which belongs to $(stat -c %U .): work as its owner, or in a clone of your own."
if command -v flock >/dev/null 2>&1; then
    exec 9>"$CACHE/setup.lock"
    flock -n 9 || {
        say "another set-up of this checkout is running; waiting for it"
        flock 9
    }
fi
python=$(find_python)
missing=
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
command -v sipp >/dev/null 2>&1 || missing="$missing sip-tester"
[ -z "$missing" ] || install_packages $missing
[ "${1:-}" != test ] || install_for_tests
set_up_environment
set_up_asterisk
