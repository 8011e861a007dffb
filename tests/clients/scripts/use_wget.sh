# wget, which reads no variable for its trust and shows an error's body only with --content-on-error.
. "$(dirname "$0")/shell.sh"
get=(wget -nv --tries=1 --timeout=20 --ca-certificate="$SSL_CERT_FILE" --content-on-error --header "$bearer" -O -)
case $cell in
    permit | no_identity | origin_tls_error) "${get[@]}" "$api/v1/refunds" ;;
    refused) "${get[@]}" --post-data '{}' "$api/v1/payouts" ;;
    streaming)
        set -o pipefail
        "${get[@]}" -q "$api/sse?n=5&interval=0.06" | pieces
        ;;
    large_upload) "${get[@]}" --method PUT --body-file "$CELL_UPLOAD" "$api/upload" ;;
    redirect_refused) "${get[@]}" "$api/redirect?to=https://evil.example.test/taken" ;;
    keep_alive) "${get[@]}" "$api/v1/refunds" "$api/v1/refunds" "$api/v1/refunds" "$api/v1/refunds" ;;
esac
done_with $?
