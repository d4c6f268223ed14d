#!/usr/bin/env bash
# Gets a token by client credentials, with nothing but curl:
#   ISSUER=http://127.0.0.1:4400 CLIENT_ID=cli_... CLIENT_SECRET=... examples/token.sh [scope] [resource]
set -euo pipefail
: "${ISSUER:?such as http://127.0.0.1:4400}" "${CLIENT_ID:?the consumer key}" "${CLIENT_SECRET:?the consumer secret}"

form=(--data grant_type=client_credentials)
if [ -n "${1:-}" ]; then form+=(--data-urlencode "scope=$1"); fi
if [ -n "${2:-}" ]; then form+=(--data-urlencode "resource=$2"); fi

# The credentials go in by stdin, so that they are not in the list of processes.
curl --silent --show-error --fail-with-body --config - "${form[@]}" "$ISSUER/oauth2/token" <<< "user = \"$CLIENT_ID:$CLIENT_SECRET\""
echo
