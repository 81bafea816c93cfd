# Kills the processes of a run at its deadline, even when `signalbox run` itself is stopped or dead (docs/run.md, "The watchdog").
# Runs outside of the child's group and session. Lives until it is disarmed (KILL) or until its deadline, never longer.
#   $1 seconds until the deadline, with a fraction; $2 the same without, for a sleep that takes only whole seconds
#   stdin: one line "GROUP START SESSION": process group, start time of its leader ("-" unknown), 1 = it is a session too

trap '' HUP INT TERM
sleep 0.001 2>/dev/null && wait_s=$1 || wait_s=$2
sleep "$wait_s" &
timer=$!
# No line: the wrapper died before it started the child.
read -r group start session || { kill -s KILL "$timer"; exit 0; }
exec </dev/null
wait "$timer"

# Fields of a process after its name, which may contain anything, also ")" and line breaks.
fields() {
  text=
  while read -r line; do text="$text $line"; done
  rest=${text##*) }
} 2>/dev/null

# The number may belong to somebody else by now: then its start time is another. A leader that is gone is no such sign, because
# the number of a group is not given away while anybody is in it.
if [ "$start" != - ] && [ -r "/proc/$group/stat" ]; then
  fields <"/proc/$group/stat"
  set -- $rest
  [ "$#" -lt 20 ] || [ "${20}" = "$start" ] || exit 0
fi

# Living processes, as ":PID:PARENT:SESSION" each.
table=
look() {
  table=
  for stat in /proc/[0-9]*/stat; do
    [ -r "$stat" ] || continue
    fields <"$stat" 2>/dev/null || continue
    set -- $rest
    pid=${stat#/proc/}
    [ "$#" -lt 20 ] || [ "$1" = Z ] || table="$table ${pid%/stat}:$2:$4"
  done
}

# Those that left the group: the rest of the session, and living descendants (GNU timeout, an interactive shell, a nested run).
look
known=" $group "
before=
while [ "$before" != "$known" ]; do
  before=$known
  for entry in $table; do
    pid=${entry%%:*}
    parent=${entry#*:}
    case $known in
      *" $pid "*) continue ;;
      *" ${parent%:*} "*) known="$known$pid " ;;
      *) [ "$session" = 1 ] && [ "${entry##*:}" = "$group" ] && known="$known$pid " ;;
    esac
  done
done

# Looked up before the kill, which takes the parents away that descendants are found by.
kill -s KILL -- "-$group" 2>/dev/null
for pid in $known; do
  [ "$pid" = "$group" ] || kill -s KILL "$pid" 2>/dev/null
done
exit 0
