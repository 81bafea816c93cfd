#!/bin/sh
# A driver for `signalbox serve --driver command:examples/machines/processes.sh`: each "machine" is a process on this one, that
# sleeps. It shows all that a driver must do; put your own commands where it starts, looks for and ends a process.
#
# It is asked one question at a time: its name is the argument, JSON comes on stdin, the answer in JSON goes to stdout. Exit 75:
# the same may succeed later. 69: no room. Anything else but 0: it never will, and nothing was made.
set -eu
folder=${MACHINES:-/tmp/signalbox-machines}
mkdir -p "$folder"
asked=$(cat)
# Whoever asks may die while asking: of half a question nothing is made.
case $asked in
  '{'*'}') ;;
  *) echo 'the question was cut off' >&2 && exit 75 ;;
esac

# A text of the question. Fine for ids and tokens, which have letters, digits and -_. alone; use jq for more.
text() { printf '%s' "$asked" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
# One machine: its file is named by its id, and holds our id of it and the token.
shown() { printf '{"id":"%s","instance":"%s","facts":{"ip":"127.0.0.1"}}' "$(basename "$1")" "$(cut -d' ' -f1 "$1")"; }
alive() { kill -0 "$(basename "$1" | sed 's/^p-//')" 2>/dev/null; }
# Files of machines that are there and of which a field is this.
having() {
  for file in "$folder"/p-*; do
    if [ -e "$file" ] && alive "$file" && [ "$(cut -d' ' -f"$1" "$file")" = "$2" ]; then echo "$file"; fi
  done
}

case $1 in
  create)
    # The token first: whoever asks again with it gets the same machine. One at a time, so that two asks do not both find none.
    exec 9> "$folder/lock" && flock 9
    file=$(having 2 "$(text token)")
    if [ -z "$file" ]; then
      sleep 3600 > /dev/null 2>&1 9>&- &
      file=$folder/p-$!
      echo "$(text instance) $(text token)" > "$file.new" && mv "$file.new" "$file"
    fi
    shown "$file"
    ;;
  get) if [ -e "$folder/$(text id)" ] && alive "$folder/$(text id)"; then shown "$folder/$(text id)"; else echo null; fi ;;
  find)
    file=$(having 1 "$(text instance)")
    if [ -n "$file" ]; then shown "$file"; else echo null; fi
    ;;
  list)
    comma=''
    printf '['
    for file in "$folder"/p-*; do
      if [ -e "$file" ] && alive "$file"; then printf '%s' "$comma" && shown "$file" && comma=','; fi
    done
    printf ']'
    ;;
  delete)
    file=$folder/$(text id)
    if [ -e "$file" ]; then
      if alive "$file"; then kill "$(basename "$file" | sed 's/^p-//')"; fi
      rm -f "$file"
    fi
    ;;
  *) echo "no question that this driver knows: $1" >&2 && exit 64 ;;
esac
