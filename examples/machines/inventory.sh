#!/bin/sh
# A driver for `signalbox serve --driver command:examples/machines/inventory.sh`: machines that are there already, leased one by one.
# INVENTORY names a file with a machine in each line: its name, its address and its type, with blanks between them.
#
#   build-1 10.0.0.11 large
#   build-2 10.0.0.12 small
#
# Who has which is kept in the folder LEASES: one file for each lease. A lease has an id of its own, so that whoever ends an old one
# twice does not end the one after it. Put your own commands where a machine is handed out and where it is given back.
set -eu
inventory=${INVENTORY:-/etc/signalbox-inventory}
leases=${LEASES:-/var/lib/signalbox-leases}
mkdir -p "$leases"
asked=$(cat)
# Whoever asks may die while asking: of half a question nothing is made.
case $asked in
  '{'*'}') ;;
  *) echo 'the question was cut off' >&2 && exit 75 ;;
esac
# What cannot be read now may be there later.
[ -r "$inventory" ] || { echo "the inventory $inventory cannot be read" >&2 && exit 75; }

# A text of the question. Fine for ids, tokens and types, which have letters, digits and -_. alone; use jq for more.
text() { printf '%s' "$asked" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
# One lease: its file is named by its id, and holds our id of it, the token, and the line of the inventory.
shown() {
  read -r instance _ name address type < "$1"
  printf '{"id":"%s","instance":"%s","facts":{"ip":"%s","type":"%s","name":"%s"}}' "${1##*/}" "$instance" "$address" "$type" "$name"
}
# The lease of which the first field (our id) or the second one (the token) is this.
having() {
  for file in "$leases"/*@*; do
    if [ -e "$file" ] && [ "$(cut -d' ' -f"$1" "$file")" = "$2" ]; then echo "$file"; fi
  done
}
is_free() {
  for lease in "$leases/$1@"*; do [ ! -e "$lease" ] || return 1; done
}

case $1 in
  create)
    # One at a time, so that two asks are not given the same machine.
    exec 9> "$leases/lock" && flock 9
    token=$(text token)
    # The token first: whoever asks again with it gets the same machine.
    file=$(having 2 "$token")
    if [ -z "$file" ]; then
      while [ -z "$file" ] && { read -r name address type || [ -n "$name" ]; }; do
        case $name in '' | '#'*) continue ;; esac
        if [ "$type" = "$(text instanceType)" ] && is_free "$name"; then
          file=$leases/$name@$(printf '%s' "$token" | cksum | cut -d' ' -f1)
          # Here it is handed out: start it, or have it cleaned. Where that fails, exit with 75: it is asked again.
          echo "$(text instance) $token $name $address $type" > "$leases/new" && mv "$leases/new" "$file"
        fi
      done < "$inventory"
    fi
    [ -n "$file" ] || { echo "no machine of type $(text instanceType) is free" >&2 && exit 69; }
    shown "$file"
    ;;
  get) if [ -e "$leases/$(text id)" ]; then shown "$leases/$(text id)"; else echo null; fi ;;
  find)
    file=$(having 1 "$(text instance)")
    if [ -n "$file" ]; then shown "$file"; else echo null; fi
    ;;
  list)
    comma=''
    printf '['
    for file in "$leases"/*@*; do
      if [ -e "$file" ]; then printf '%s' "$comma" && shown "$file" && comma=','; fi
    done
    printf ']'
    ;;
  # Here it is given back.
  delete) case $(text id) in *@*) rm -f "$leases/$(text id)" ;; esac ;;
  *) echo "no question that this driver knows: $1" >&2 && exit 64 ;;
esac
