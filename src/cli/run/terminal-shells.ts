// The shells between `run` and its command on a terminal. Node can start a process in a session of its own but not in a process
// group of its own that has the terminal, and a command needs the terminal to ask for a password. A shell with job control
// (`sh -m`) can: it makes the group and hands it the terminal, and takes it back at the end.
//
//   run ── job shell (-m) ── leader of the group ─┬─ command
//                                                 └─ listener
//
// Messages to `run` (file descriptor 3): `group N`, `ready` (the listener listens, nothing is started yet), `int` (a Ctrl-C was
// typed: the terminal sends it to the command's group, so `run` would never know of a second one), `paused`, `exit N`. From `run`
// (descriptor 4): one line when the watchdog is armed; without it the command is never started.
//
// The shells outlive the signals that the command gets, so that the terminal is not taken from a command that is still cleaning
// up: they ignore them until each has set its own trap (`:` does nothing, and the command gets the default back). Ctrl-Z goes on at once: a suspended holder would be killed at its deadline
// while others wait for it.

/** Arguments: leader script, command and its arguments. The text after the job ends keeps a shell from replacing itself by it. */
export const jobShell = `
"$0" -c "$@"
signalbox_code=$?
while [ "$signalbox_code" -gt 128 ] && kill -0 %1 2>/dev/null; do
  echo paused >&3
  fg >/dev/null
  signalbox_code=$?
done
exit "$signalbox_code"
`;

/** `$0` is this shell, the rest the command. The pipe between command and listener only ends the listener. */
export const leaderShell = `
trap '' HUP INT QUIT TERM
echo "group $$" >&3
exec 5>&1
{
  trap : HUP INT QUIT TERM
  read -r signalbox_go <&4 || { echo "exit 130" >&3; exit; }
  exec 4<&-
  (exec "$@" >&5 5>&- 3>&-)
  echo "exit $?" >&3
} | {
  trap 'signalbox_seen=1; echo int >&3' INT
  trap 'signalbox_seen=1' HUP QUIT TERM
  exec 4<&- 5>&-
  echo ready >&3
  while signalbox_seen=; read -r signalbox_line || [ "$signalbox_seen" ]; do :; done
}
`;
