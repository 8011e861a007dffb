# curl's way through the cells; sourced by use_curl*.sh.
# shellcheck shell=bash disable=SC2154
go() {
    local curl=(curl -sS --fail-with-body -m 20 -H "$bearer" "$1")
    case $cell in
        permit | no_identity | origin_tls_error) "${curl[@]}" "$api/v1/refunds" ;;
        refused) "${curl[@]}" -d '{}' "$api/v1/payouts" ;;
        streaming)
            set -o pipefail
            "${curl[@]}" -N "$api/sse?n=5&interval=0.06" | pieces
            ;;
        large_upload) "${curl[@]}" -T "$CELL_UPLOAD" "$api/upload" ;;
        redirect_refused) "${curl[@]}" -L "$api/redirect?to=https://evil.example.test/taken" ;;
        keep_alive) "${curl[@]}" "$api/v1/refunds" "$api/v1/refunds" "$api/v1/refunds" "$api/v1/refunds" ;;
    esac
    done_with $?
}
