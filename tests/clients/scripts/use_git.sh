# git over smart HTTP.
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/git_shell.sh"
export GIT_LFS_SKIP_SMUDGE=1
case $cell in
    permit | no_identity | origin_tls_error | keep_alive) git clone -q "$remote/acme.git" here && cat here/README ;;
    refused | large_upload)
        git clone -q "$remote/acme.git" here && cd here || done_with 8
        head -c 9000000 /dev/urandom >noise # it doesn't compress, and is sent in chunks
        git add . && git commit -q -m second
        target=acme
        [ "$cell" = refused ] && target=frozen
        git push -q "$remote/$target.git" "HEAD:refs/heads/matrix-$$"
        ;;
    redirect_refused) git clone -q "$remote/moved.git" here ;;
esac
done_with $?
