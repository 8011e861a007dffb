# pip with an index of our own.
. "$(dirname "$0")/shell.sh"
index=https://pypi.example.test
[ "$cell" = origin_tls_error ] && index=https://rogue.example.test
pip=("$CELL_BIN/python" -m pip --isolated --disable-pip-version-check --retries 0 --timeout 10 --no-cache-dir)
get=(download --no-deps -d "$work/out" -q)
case $cell in
    permit | no_identity | origin_tls_error | keep_alive) "${pip[@]}" "${get[@]}" -i "$index/simple/" exeat-probe ;;
    refused) "${pip[@]}" "${get[@]}" https://api.example.test/v1/payouts/exeat_probe-1.0-py3-none-any.whl ;;
    redirect_refused) "${pip[@]}" "${get[@]}" -i "$index/moved/" exeat-probe ;;
esac
done_with $?
