#!/bin/sh
# One release at a time, through /start and /stop: runs a command if nobody else releases, else says who does and exits 75.
#   SIGNALBOX_URL=http://localhost:8080 release-gate.sh ./deploy.sh
set -u

url=${SIGNALBOX_URL:-http://localhost:8080}
name=$(id -un)

answer=$(curl -s -i --max-time 10 "$url/start?name=$name") || { echo "release-gate: cannot reach $url" >&2; exit 69; }
case $(printf '%s' "$answer" | tail -n 1) in
  1) ;;
  0)
    printf '%s\n' "$answer" | tr -d '\r' | sed -n 's/^signalbox-holder: /release-gate: a release is running, started by /Ip' >&2
    exit 75
    ;;
  *)
    printf 'release-gate: unexpected answer\n%s\n' "$answer" >&2
    exit 69
    ;;
esac

trap 'curl -s --max-time 10 "$url/stop" > /dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"$@"
