#!/bin/sh
# Runs commands of bbconnect in an empty home directory and writes the session as an SVG image:
#   cargo build && PATH="$PWD/target/debug:$PATH" docs/record-session.sh > docs/session.svg
set -eu

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

session() {
    for command in \
        'bbconnect keygen --type ed25519 git@bitbucket.org:acme/site.git' \
        'bbconnect token scopes --for webhook --auth api-token'; do
        printf '$ %s\n' "$command"
        (cd "$home" && env -i HOME="$home" PATH="$PATH" sh -c "$command" 2>&1) | sed "s|$home|/home/jane|g"
        echo
    done
}

session | awk -v columns=100 '
    function escaped(text) {
        gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
        return text
    }
    { lines[NR] = length($0) > columns ? substr($0, 1, columns - 1) "…" : $0 }
    END {
        width = columns * 8.43 + 40; height = NR * 19 + 50
        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", \
            width, height, width, height
        print "<title>A terminal session with bbconnect</title>"
        print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1f27\"/>"
        print "<g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace\" font-size=\"14\"" \
            " fill=\"#d7dae0\" xml:space=\"preserve\">"
        for (line = 1; line <= NR; line++) {
            style = lines[line] ~ /^\$ / ? " fill=\"#8bd649\" font-weight=\"bold\"" : ""
            printf "<text x=\"20\" y=\"%d\"%s>%s</text>\n", line * 19 + 20, style, escaped(lines[line])
        }
        print "</g>"
        print "</svg>"
    }'
