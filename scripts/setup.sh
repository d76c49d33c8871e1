#!/usr/bin/env bash
# Makes sure that what cannot come with the repository is there: a Rust toolchain (checked, never installed) and
# system packages (on Debian and its children installed, elsewhere named).
#
#   scripts/setup.sh build    what building and running needs
#   scripts/setup.sh test     that, and what the tests use
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose="${1:-build}"

say() { printf '%s\n' "$*" >&2; }
stop() {
    say "setup: $1"
    shift
    for line in "$@"; do say "       $line"; done
    exit 1
}

case "$purpose" in
    build | test) ;;
    *) stop "unknown purpose '$purpose'" "expected: build or test" ;;
esac

# --- Rust ------------------------------------------------------------------------------------------------------

# The workspace states what it needs; a crate may need a newer one for a dependency's sake.
wanted="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml crates/*/Cargo.toml | sort -V | tail -n 1)"
cargo="${CARGO:-cargo}"

if ! command -v "$cargo" >/dev/null 2>&1; then
    stop "no Rust toolchain found (looked for '$cargo' in PATH); moue needs Rust $wanted or newer." \
        "Get it from https://rustup.rs, which is one command to paste, then open a new shell and run make again." \
        "(Debian 12's own package of Rust is too old.)"
fi
if ! found="$("$cargo" --version 2>&1)"; then
    stop "'$cargo --version' failed: $found" "If this is rustup without a toolchain: rustup default stable"
fi
found="$(awk '{print $2}' <<<"$found")"
found="${found%%-*}"
if [[ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]]; then
    stop "found Rust $found, but moue needs $wanted or newer." \
        "With rustup: rustup update stable" \
        "Without: get it from https://rustup.rs"
fi

# --- System packages -------------------------------------------------------------------------------------------

packages=(
    build-essential pkg-config
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
    gstreamer1.0-libav gstreamer1.0-tools
)
if [[ "$purpose" == test ]]; then
    packages+=(ffmpeg nginx-light libnginx-mod-rtmp chromium slurm-wlm munge)
fi

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    # Not Debian: what the build needs can still be checked, the plugins are `moue doctor`'s to name.
    if command -v pkg-config >/dev/null 2>&1 && pkg-config --exists 'gstreamer-1.0 >= 1.22' gstreamer-app-1.0 gstreamer-video-1.0; then
        exit 0
    fi
    stop "GStreamer 1.22 or newer with its development files was not found, and this is no Debian or Ubuntu." \
        "Install with your system's package manager, then run make again:" \
        "  Fedora  dnf install gcc pkgconf gstreamer1-devel gstreamer1-plugins-{base-devel,good,bad-free,ugly-free} gstreamer1-plugin-libav" \
        "  Arch    pacman -S base-devel gstreamer gst-plugins-{base,good,bad,ugly} gst-libav" \
        "  macOS   brew install pkgconf gstreamer"
fi

missing=()
for package in "${packages[@]}"; do
    state="$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)"
    [[ "$state" == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

say "setup: these system packages are missing and will be installed:"
for package in "${missing[@]}"; do say "         $package"; done

as_root=()
if [[ "$(id -u)" -ne 0 ]]; then
    by_hand="sudo apt-get install ${missing[*]}"
    command -v sudo >/dev/null 2>&1 ||
        stop "installing needs root, and there is no sudo here." "Have an administrator run: ${by_hand#sudo }"
    if [[ -t 0 ]]; then
        as_root=(sudo)
    else
        sudo -n true 2>/dev/null ||
            stop "installing needs root, and sudo would ask for a password where nobody can type one." "Run: $by_hand"
        as_root=(sudo -n)
    fi
fi

apt() {
    # Nothing may wait for an answer: no questions from debconf, and a lock held by another apt is waited for.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y -q "$@" </dev/null
}
# Old package lists name versions that are gone, so refresh first; without a network the cache may still do.
apt update >&2 || say "setup: could not refresh the package lists; trying with those that are here"
apt install --no-install-recommends "${missing[@]}" >&2 ||
    stop "apt-get could not install them; its own words are above." "By hand: apt-get install ${missing[*]}"
