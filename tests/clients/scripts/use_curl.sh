# curl with HTTP/1.1.
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/curl_cells.sh"
go --http1.1
