#!/bin/sh
# Runs once on a new machine, as root; fetched by cloud-init. Only double braces are replaced: %, $ and all else stay as they are.
set -eu

hostnamectl set-hostname '{{.Role}}-{{.InstanceBuildID}}' || true
printf 'queue=%s\nsite=%s\nenv=%s\n' '{{.Queue}}' '{{.Site}}' '{{.Env}}' > /etc/worker.conf

# It says that it is ready, to the address that is its build's own. From then on it may be given to somebody.
imds=http://169.254.169.254/latest
token=$(curl --silent --fail --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$imds/api/token")
id=$(curl --silent --fail --header "X-aws-ec2-metadata-token: $token" "$imds/meta-data/instance-id")
curl --silent --fail --retry 5 --request PATCH --data "state=finished&instance-id=$id" '{{.InstanceBuildURL}}'
