# Sourced by scripts with several checks: all of them run even if one fails, and the failures
# are listed at the end.
# shellcheck shell=bash

failed=()

# check NAME COMMAND…: runs COMMAND under a heading. Bash suspends "set -e" within it, so a
# function has to return its failures explicitly.
check() {
	local name=$1
	shift
	printf '%s: %s\n' "${0##*/}" "$name"
	"$@" || failed+=("$name")
}

# finish: exits 1 and lists the failed checks, if any.
finish() {
	if ((${#failed[@]} > 0)); then
		printf '%s: failed:%s\n' "${0##*/}" "$(printf ' [%s]' "${failed[@]}")" >&2
		exit 1
	fi
}
