# What the command-line clients share; sourced by use_*.sh.
# shellcheck shell=bash disable=SC2034
set -u
cell=$1
rogue=''
[ "$cell" = origin_tls_error ] && rogue=-rogue
api=https://api$rogue.example.test
bearer="Authorization: Bearer $EXAMPLE_KEY"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 9

# done_with CODE: say how the command ended
done_with() {
    if [ "$1" -eq 0 ]; then echo "ANSWERED 200"; else echo "ENDED WITH $1"; fi
    exit "$1"
}

# pieces: read lines, say how many came and over how long
pieces() {
    local count=0 first='' last='' line
    while IFS= read -r line; do
        [ -z "${line//[$'\r']/}" ] && continue
        last=$EPOCHREALTIME
        [ -z "$first" ] && first=$last
        count=$((count + 1))
    done
    [ "$count" -gt 0 ] || return 1
    echo "pieces=$count seconds=$(awk "BEGIN { print $last - $first }")"
}
