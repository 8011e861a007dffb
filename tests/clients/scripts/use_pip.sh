# pip with an index of our own; it tells why an index refused only with -vv.
. "$(dirname "$0")/shell.sh"
index=https://pypi$rogue.example.test
pip=("$CELL_BIN/python" -m pip --isolated --disable-pip-version-check --retries 0 --timeout 10 --no-cache-dir)
get=(download -vv --no-deps -d "$work/out")
case $cell in
    permit | no_identity | origin_tls_error | keep_alive) "${pip[@]}" "${get[@]}" -i "$index/simple/" exeat-probe ;;
    refused) "${pip[@]}" "${get[@]}" https://api.example.test/v1/payouts/exeat_probe-1.0-py3-none-any.whl ;;
    redirect_refused) "${pip[@]}" "${get[@]}" -i "$index/moved/" exeat-probe ;;
esac
done_with $?
