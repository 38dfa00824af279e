# Compilers, linkers and emulators for other systems than the one that runs this; to be sourced. Everything that takes long
# stays below $cross (target/cross by default), so that a second run is short.

cross=$(realpath -m "${CROSS_DIR:-target/cross}")
mkdir -p "$cross"

note() { printf '==> %s (%s s)\n' "$*" "$SECONDS"; }

# A step whose tools cannot be installed must be seen, and blocks nothing.
skipped=()
skip() {
    printf '\n************ SKIPPED: %s\n\n' "$*" >&2
    skipped+=("$*")
}

report_skipped() {
    for step in "${skipped[@]}"; do printf 'SKIPPED: %s\n' "$step" >&2; done
}

# Installs Debian packages. Only root on Debian can; elsewhere the programs must be there.
debian_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    if [ ! -e "$cross/apt-updated" ]; then
        apt-get update -q >"$cross/apt.log" 2>&1 && touch "$cross/apt-updated" || return 1
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >"$cross/apt.log" 2>&1
}

# Makes `cargo --target TARGET` work: with the standard library that rustup has, else with Debian's compiler and a standard
# library that is compiled from its source.
rust_target() {
    if [ ! -e "$cross/debian/ready" ] && [ -z "${CROSS_NO_RUSTUP:-}" ] && command -v rustup >/dev/null &&
        rustup target add "$1" >"$cross/rustup.log" 2>&1; then
        return
    fi
    debian_compiler && compile_std "$1"
}

# Debian has a current compiler for its browsers beside the old one. It is unpacked, because it cannot be installed beside
# other packages of Rust.
debian_compiler() {
    local root=$cross/debian tool package std libraries
    if [ ! -e "$root/ready" ]; then
        debian_packages ca-certificates gcc libc6-dev || return
        std=$(apt-cache depends libstd-rust-web-dev 2>/dev/null |
            sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p' | tail -1)
        [ -n "$std" ] || return 1
        libraries=$(apt-cache depends rustc-web cargo-web | sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p' |
            grep -v libstd-rust | sort -u)
        # shellcheck disable=SC2086 # one word for each package
        debian_packages $libraries || return
        rm -rf "$root" && mkdir -p "$root/packages" "$root/bin"
        (cd "$root/packages" && apt-get download -q rustc-web cargo-web rust-web-clippy rust-web-src \
            libstd-rust-web-dev "$std" >"$cross/apt.log" 2>&1) || return
        for package in "$root"/packages/*.deb; do dpkg-deb -x "$package" "$root"; done
        rm -r "$root/packages"
        # As a shared library it would need the linker of the target.
        sed -i 's/^crate-type = \["dylib", "rlib"\]/crate-type = ["rlib"]/' "$root"/usr/src/rustc-*/library/std/Cargo.toml
        for tool in rustc cargo cargo-clippy clippy-driver; do
            printf '#!/bin/sh\nLD_LIBRARY_PATH=%s/usr/lib/x86_64-linux-gnu exec %s/usr/bin/%s "$@"\n' \
                "$root" "$root" "$tool" >"$root/bin/$tool"
            chmod +x "$root/bin/$tool"
        done
        touch "$root/ready"
    fi
    case $PATH in "$root/bin:"*) ;; *) PATH=$root/bin:$PATH ;; esac
    export RUSTC=$root/bin/rustc
}

compile_std() {
    local target=$1 library=$cross/debian/usr/lib/rustlib/$1/lib
    [ ! -e "$library/ready" ] || return 0
    # Parts of an interrupted run would be second candidates.
    rm -rf "$library" "$cross/std/$target"
    RUSTC_BOOTSTRAP=1 __CARGO_DEFAULT_LIB_METADATA=stablestd CARGO_TARGET_DIR=$cross/std \
        RUSTFLAGS='-Zforce-unstable-if-unmarked -Cembed-bitcode=yes' \
        cargo build -q --release --target "$target" --features backtrace,panic-unwind \
        --manifest-path "$(echo "$cross"/debian/usr/src/rustc-*/library/sysroot/Cargo.toml)" >"$cross/std.log" 2>&1 || return
    mkdir -p "$library"
    cp "$cross/std/$target/release/deps"/*.rlib "$cross/std/$target/release/deps"/*.rmeta "$library"
    touch "$library/ready"
    note "compiled the standard library of $target"
}
