# uv with an index of our own.
. "$(dirname "$0")/shell.sh"
index=https://pypi$rogue.example.test
export UV_HTTP_RETRIES=0 UV_NO_CONFIG=1 UV_CACHE_DIR=$work/cache
unset UV_INDEX_URL UV_DEFAULT_INDEX UV_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS
uv=("$CELL_BIN/uv" pip install -q --no-deps --target "$work/out" --python "$CELL_BIN/python")
case $cell in
    permit | no_identity | origin_tls_error | keep_alive) "${uv[@]}" --default-index "$index/simple" exeat-probe ;;
    refused) "${uv[@]}" "exeat-probe @ https://api.example.test/v1/payouts/exeat_probe-1.0-py3-none-any.whl" ;;
    redirect_refused) "${uv[@]}" --default-index "$index/moved" exeat-probe ;;
esac
done_with $?
