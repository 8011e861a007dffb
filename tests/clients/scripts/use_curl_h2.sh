# curl with HTTP/2.
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/curl_cells.sh"
go --http2
