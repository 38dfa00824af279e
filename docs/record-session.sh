#!/bin/bash
# Records a session with the sandbox (`cargo run --example sandbox`, with sshd) on a terminal of 100 columns and writes it as an
# SVG image. The sandbox is on loopback: its addresses are replaced with the names that a user sees.
#   cargo build --bin bbconnect --example sandbox && docs/record-session.sh > docs/session.svg
set -euo pipefail

columns=100
target=${CARGO_TARGET_DIR:-target}/debug
home=$(mktemp -d)
"$target/examples/sandbox" > "$home/sandbox" &
sandbox=$!
trap 'kill $sandbox; rm -rf "$home"' EXIT
until grep -q '^bbconnect audit' "$home/sandbox"; do sleep 0.1; done
target=$(realpath "$target")

# A command on a terminal, in the empty home directory.
run() {
    env -i HOME="$home" PATH="$target:$PATH" TERM=xterm-256color BBCONNECT_STORE=file \
        script -qefc "stty cols $columns; cd '$home'; $1" /dev/null < /dev/null
}

# The connections of the printed commands.
setup=$(sed -n '/^echo ATATT/,/^# exit status/p' "$home/sandbox")
run "$setup
bbconnect connection rename cloud work; bbconnect connection remove site --yes" > /dev/null
cloud=$(sed -n 's/^Bitbucket Cloud is at \([^,]*\),.*/\1/p' "$home/sandbox")
server=$(sed -n 's/.* Data Center at \([^;]*\);.*/\1/p' "$home/sandbox")

session() {
    for command in \
        'bbconnect connect WEB/site -c server --clone site' \
        'git -C site fetch && bbconnect status' \
        'bbconnect key list -c work --repo acme/site'; do
        printf '$ %s\n' "$command"
        run "$command" || true
        echo
    done
}

session | tr -d '\r' | sed -E \
    -e 's/.*\x1b\[2K//' -e "s|$cloud|https://api.bitbucket.org/2.0|g; s|$server|https://git.example.com/bitbucket|g" \
    -e "s|ssh://[^@]*@127.0.0.1:[0-9]*|ssh://git@git.example.com:7999|g; s|\[127.0.0.1\]:[0-9]*|[git.example.com]:7999|g" \
    -e "s|127.0.0.1|git.example.com|g; s|$home|/home/jane|g" |
    awk -v columns=$columns '
    # Colours of SGR sequences (ECMA-48) as elements of SVG.
    function element(code) {
        if (code ~ /(^|;)[39]1(;|$)/) return "<tspan fill=\"#f47067\">"
        if (code ~ /(^|;)[39]2(;|$)/) return "<tspan fill=\"#8bd649\">"
        if (code ~ /(^|;)[39]3(;|$)/) return "<tspan fill=\"#e5c07b\">"
        if (code ~ /(^|;)[39]6(;|$)/) return "<tspan fill=\"#56b6c2\">"
        if (code ~ /(^|;)1(;|$)/) return "<tspan font-weight=\"bold\">"
        if (code ~ /(^|;)2(;|$)/) return "<tspan fill=\"#8a919e\">"
        return "<tspan>"
    }
    function drawn(text,    out, open, code) {
        gsub(/\033\]8;;[^\033]*\033\\/, "", text)
        gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
        while (match(text, /\033\[[0-9;]*m/)) {
            out = out substr(text, 1, RSTART - 1)
            code = substr(text, RSTART + 2, RLENGTH - 3)
            text = substr(text, RSTART + RLENGTH)
            if (code == "" || code == "0") { for (; open > 0; open--) out = out "</tspan>" }
            else { out = out element(code); open++ }
        }
        out = out text
        for (; open > 0; open--) out = out "</tspan>"
        return out
    }
    { lines[NR] = $0 }
    END {
        width = columns * 8.43 + 40; height = NR * 19 + 30
        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", \
            width, height, width, height
        print "<title>A terminal session with bbconnect</title>"
        print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1f27\"/>"
        print "<g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace\" font-size=\"14\"" \
            " fill=\"#d7dae0\" xml:space=\"preserve\">"
        for (line = 1; line < NR; line++) {
            style = lines[line] ~ /^\$ / ? " fill=\"#8bd649\" font-weight=\"bold\"" : ""
            printf "<text x=\"20\" y=\"%d\"%s>%s</text>\n", line * 19 + 20, style, drawn(lines[line])
        }
        print "</g>"
        print "</svg>"
    }'
