#!/bin/sh
# Runs a command while an environment is yours, with sh and curl alone:
#   SIGNALBOX_URL=http://localhost:8080 SIGNALBOX_KEY=… with-lease.sh uat ./deploy.sh
# It queues for as long as it takes, renews in the background, stops the command when the lease is lost, and releases.
# `signalbox run` does more: there, the command is stopped too when the script itself is killed with -9.
# Exit: the command's own; 64 wrong usage; 69 server not reachable; 75 not granted; 76 the lease was lost.
set -u

[ $# -ge 2 ] || { echo 'usage: with-lease.sh ENVIRONMENT COMMAND…' >&2; exit 64; }

url=${SIGNALBOX_URL:-http://localhost:8080}
ttl=${SIGNALBOX_TTL:-60} # seconds
environment=$1
shift

work=$(mktemp -d)
umask 077
lease='' command=''
key="$(date +%s)-$$-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')"

# ask METHOD PATH [curl's options]: prints the status; the answer is in $work/answer.
# The key goes through a file, because a command line can be read by others.
[ -z "${SIGNALBOX_KEY:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$SIGNALBOX_KEY" > "$work/key"
touch "$work/key"
ask() {
  method=$1 path=$2
  shift 2
  curl -s -K "$work/key" -o "$work/answer" -D "$work/headers" -w '%{http_code}' -X "$method" "$url$path" "$@"
}

header() { tr -d '\r' < "$work/headers" | sed -n "s/^$1: //Ip" | head -n 1; }

# With setsid the command and all that it starts are one group, which can be told together.
if command -v setsid > "$work/log"; then group=- start=setsid; else group='' start=''; fi
stop() { kill -s "$1" -- "$group$command" 2> "$work/log"; }

finish() {
  code=$?
  trap - EXIT INT TERM HUP
  [ -z "$command" ] || stop TERM
  [ -z "$lease" ] || ask DELETE "$lease" -H "Signalbox-Lease-Secret: $secret" --max-time 5 > "$work/log"
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Only 201 means that it is ours; 202 means that we are in the queue, and the same key asks again for the same place.
# Five seconds at a time, because a shell hears a signal only between two commands.
holder=$(printf '%s' "${CI_JOB_URL:-${BUILD_URL:-$(id -un)@$(uname -n)}}" | tr -d '"\\')
body="{\"environment\": \"$environment\", \"ttlSeconds\": $ttl, \"holder\": {\"name\": \"$holder\"}}"
tries=0
while :; do
  status=$(ask POST '/v1/leases?wait=5' --max-time 20 -H 'Content-Type: application/json' -H "Idempotency-Key: $key" -d "$body")
  case $status in
    201) break ;;
    202) lease=$(header location) secret=$(header signalbox-lease-secret) tries=0 ;;
    000 | 503)
      tries=$((tries + 1))
      [ "$tries" -lt 30 ] || { echo "with-lease: cannot reach $url" >&2; exit 69; }
      sleep 1
      ;;
    *)
      echo "with-lease: $environment was refused ($status): $(cat "$work/answer")" >&2
      exit 75
      ;;
  esac
done
lease=$(header location)
secret=$(header signalbox-lease-secret)

$start "$@" &
command=$!

# Renews four times per ttl. Three quarters of the ttl without an answer, or one refusal, and the command is stopped.
last=$(date +%s)
renewed=$last
while kill -0 "$command" 2> "$work/log"; do
  sleep 1
  now=$(date +%s)
  [ $((now - last)) -ge $((ttl / 4)) ] || continue
  status=$(ask POST "$lease/renew" -H "Signalbox-Lease-Secret: $secret" --max-time 5)
  case $status in
    200) last=$now renewed=$now ;;
    000 | 5??) last=$((now - ttl / 4 + 1)) ;; # again in a second
    *) renewed=0 ;;
  esac
  [ $((now - renewed)) -ge $((ttl * 3 / 4)) ] || continue
  echo "with-lease: $environment is lost; stopping $1" >&2
  stop TERM
  sleep 2
  stop KILL
  command=''
  exit 76
done
wait "$command"
code=$?
command=''
exit "$code"
