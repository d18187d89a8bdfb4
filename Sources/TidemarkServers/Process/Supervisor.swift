/// The shell scripts that stand between us and what we start, so that nothing outlives us.
///
/// Each holds the reading end of a pipe as its standard input; we hold the writing end and never write. However we die,
/// the kernel closes our end, the script reads end-of-file, and ends by pid exactly what it started.
enum Supervisor {
  /// Arguments: signal name, seconds of grace, file for standard output, file for standard error, then the command.
  /// Prints the pid of the command and exits with its status (128 + signal when one ended it).
  static let server = """
    signal=$1 grace=$2 out=$3 err=$4
    shift 4
    exec 3<&0
    "$@" </dev/null >>"$out" 2>>"$err" 3<&- &
    server=$!
    echo "$server"
    (
      exec >/dev/null 2>&1
      while read -r _ <&3; do :; done
      # A stopped process takes no signal but KILL and CONT: wake it and its children first.
      children=$(cat /proc/$server/task/$server/children)
      kill -CONT $server $children
      kill -$signal $server
      i=0
      while kill -0 $server && [ $i -lt $((grace * 10)) ]; do
        sleep 0.1
        i=$((i + 1))
      done
      kill -KILL $server $children
    ) &
    watcher=$!
    wait $server
    status=$?
    kill $watcher 2>/dev/null
    exit $status
    """

  /// Argument: a folder that is removed once we are gone. (Its standard output stays open: we take its end for the script's.)
  /// Servers still stopping may write into it for a moment.
  static let janitor = """
    echo $$
    exec 2>/dev/null
    while read -r _; do :; done
    i=0
    while rm -rf "$1"; [ -e "$1" ] && [ $i -lt 200 ]; do
      sleep 0.1
      i=$((i + 1))
    done
    """
}
