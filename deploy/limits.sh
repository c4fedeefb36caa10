#!/bin/sh
# Create or change the concurrency limits that gfpipe's tasks require, on the server of PREFECT_API_URL.
#
#   ./limits.sh [RECORDINGS_DECODED_AT_ONCE] [RECORDINGS_ON_GPUS_AT_ONCE]
set -eu

limit() {
  if prefect gcl inspect "$1" >/dev/null 2>&1; then
    prefect gcl update "$1" --limit "$2"
  else
    prefect gcl create "$1" --limit "$2"
  fi
}

limit decode "${1:-8}"
limit gpu "${2:-4}"
