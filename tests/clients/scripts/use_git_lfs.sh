# git-lfs: the batch API, then objects with the links it gave.
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/git_shell.sh"
git lfs install --skip-repo >/dev/null
git config --global lfs.concurrenttransfers 1
[ "$cell" = permit ] && export GIT_TRACE=1 GIT_CURL_VERBOSE=1
case $cell in
    permit | no_identity | origin_tls_error) git clone -q "$remote/acme.git" here && cat here/large.bin ;;
    refused | large_upload)
        git clone -q "$remote/acme.git" here && cd here || done_with 8
        { cat "$CELL_UPLOAD" && echo "$$ $RANDOM"; } >new.bin
        git add . && git commit -q -m second
        [ "$cell" = refused ] && git config lfs.url "$remote/frozen.git/info/lfs"
        git push -q "$remote/acme.git" "HEAD:refs/heads/lfs-$$"
        ;;
esac
done_with $?
