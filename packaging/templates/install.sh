#!/bin/sh
# Installs bbconnect @VERSION@: the program, its manual pages and completions.
#
#   sh install.sh [--prefix DIR]    below DIR (default: ~/.local): bin/bbconnect, share/man/man1/, …
#
# The archive for this system and processor is downloaded from the release, or from BBCONNECT_DOWNLOADS (the URL of a
# mirror's directory). It is unpacked only if its SHA-256 is the one in SHA256SUMS, and installed only if its program runs.
# A failure leaves the program that was installed before as it was.
set -eu

version=@VERSION@
downloads=${BBCONNECT_DOWNLOADS:-@DOWNLOADS@}
work=
new=

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

clean_up() {
    [ -z "$work" ] || rm -rf "$work"
    [ -z "$new" ] || rm -f "$new"
}

find_target() {
    case $(uname -s) in
        Linux) system=unknown-linux-musl ;;
        Darwin) system=apple-darwin ;;
        MINGW* | MSYS* | CYGWIN*) system=pc-windows-msvc ;;
        *) fail "no archive for $(uname -s); build from source with cargo" ;;
    esac
    case $(uname -m) in
        x86_64 | amd64) processor=x86_64 ;;
        aarch64 | arm64) processor=aarch64 ;;
        *) fail "no archive for the processor $(uname -m); build from source with cargo" ;;
    esac
    # A shell that Rosetta translates runs on Apple silicon.
    if [ "$system" = apple-darwin ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then
        processor=aarch64
    fi
    echo "$processor-$system"
}

# The file $1 of the release, as $work/$1. The scheme of the URL is also that of its redirects.
download() {
    url=${downloads%/}/$1
    if has curl; then
        curl --proto "=${downloads%%:*}" --proto-redir "=${downloads%%:*}" --fail --silent --show-error --location \
            --output "$work/$1" "$url" || fail "download of $url failed"
    elif has wget; then
        # The wget of BusyBox lacks the option.
        only=
        if wget --help 2>&1 | grep -q -e --https-only; then only=--https-only; fi
        case $url in http://*) only= ;; esac
        # shellcheck disable=SC2086 # no word, where it is empty
        wget -q $only -O "$work/$1" "$url" || fail "download of $url failed"
    else
        fail "curl or wget is required"
    fi
}

sha256_of() {
    if has sha256sum; then
        sha256sum <"$1" | cut -d ' ' -f 1
    elif has shasum; then
        shasum -a 256 <"$1" | cut -d ' ' -f 1
    elif has openssl; then
        openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
    else
        fail "sha256sum, shasum or openssl is required"
    fi
}

main() {
    prefix=${HOME:-}/.local
    if [ $# = 2 ] && [ "$1" = --prefix ] && [ -n "$2" ]; then
        prefix=$2
    elif [ $# != 0 ]; then
        fail "usage: sh install.sh [--prefix DIR]"
    fi
    case $prefix in
        /* | [A-Za-z]:*) ;;
        *) prefix=$PWD/$prefix ;;
    esac
    # Otherwise an attacker on the network could replace the archive together with its checksum.
    case $downloads in
        https://* | http://127.0.0.1[:/]* | http://localhost[:/]*) ;;
        *) fail "$downloads is not an https:// URL" ;;
    esac
    target=$(find_target)
    name=bbconnect-v$version-$target
    program=bbconnect
    archive=$name.tar.gz
    case $target in
        *-windows-*) archive=$name.zip program=bbconnect.exe ;;
    esac

    work=$(mktemp -d)
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    download SHA256SUMS
    expected=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$archive\$/\1/p" "$work/SHA256SUMS")
    [ -n "$expected" ] || fail "the release has no $archive"
    download "$archive"
    actual=$(sha256_of "$work/$archive")
    [ "$actual" = "$expected" ] ||
        fail "checksum of $archive is $actual, expected $expected; nothing was installed"

    case $archive in
        *.zip) (cd "$work" && unzip -q "$archive") || fail "$archive cannot be unpacked" ;;
        *) tar -xzf "$work/$archive" -C "$work" || fail "$archive cannot be unpacked" ;;
    esac
    install_files "$work/$name"
    echo "bbconnect $version is installed: $prefix/bin/$program"
    found=$(command -v bbconnect || true)
    if [ -z "$found" ]; then
        echo "$prefix/bin is not in PATH; run: export PATH=\"$prefix/bin:\$PATH\""
    elif [ "$found" != "$prefix/bin/$program" ]; then
        echo "PATH has another bbconnect first: $found"
    fi
}

# Installs the files of the directory $1. The program is tried where it will be, because /tmp may forbid to run it. It comes
# last and replaces an earlier one at once.
install_files() {
    mkdir -p "$prefix/bin" || fail "$prefix/bin cannot be created"
    new=$prefix/bin/.bbconnect.$$
    cp "$1/$program" "$new" || fail "$prefix/bin cannot be written; nothing was installed"
    chmod 755 "$new"
    "$new" --version >/dev/null 2>&1 ||
        fail "the program of $archive does not run on this system ($(uname -sm)); nothing was installed"
    copy "$prefix/share/man/man1" "$1"/man1/*.1
    copy "$prefix/share/bash-completion/completions/bbconnect" "$1/completions/bbconnect.bash"
    copy "$prefix/share/zsh/site-functions/_bbconnect" "$1/completions/bbconnect.zsh"
    copy "$prefix/share/fish/vendor_completions.d/bbconnect.fish" "$1/completions/bbconnect.fish"
    mv -f "$new" "$prefix/bin/$program"
}

# Copies files to a directory, or one file to a path.
copy() {
    to=$1
    shift
    if [ $# -gt 1 ]; then mkdir -p "$to"; else mkdir -p "$(dirname "$to")"; fi
    cp "$@" "$to" || fail "$to cannot be written; the program was not installed"
}

# The last line: a script that was downloaded in part does nothing.
main "$@"
