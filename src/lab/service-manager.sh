#!/bin/sh
# Stands for process 1 of a node, which a real machine has: starts the daemon, and when the daemon has ended, in whatever
# way, runs the stop command that the daemon has left on the disk. It is outside of the node, for no kill reaches process 1.
#   service-manager.sh NAMESPACE PID_FILE RELEASE_FILE COMMAND [ARGUMENT ...]
namespace=$1 pid_file=$2 release_file=$3
shift 3
setsid ip netns exec "$namespace" "$@" &
daemon=$!
# Renamed into place, so that a reader sees all of it or none.
echo "$daemon" >"$pid_file.new" && mv "$pid_file.new" "$pid_file"
wait "$daemon"
# The mark says that this is no process of the node: a crash, which kills those, must not kill it.
[ -e "$release_file" ] && TOCHA_LAB_OUTSIDER=1 exec ip -n "$namespace" -force -batch "$release_file" 2>/dev/null
