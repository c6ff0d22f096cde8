# Sourced by the scripts that make several checks: each runs, also after another has
# failed, and what failed is said at the end.
# shellcheck shell=bash

failed=()

# check NAME COMMAND…: runs COMMAND under a heading. Bash suspends "set -e" in there,
# so a function has to return its failures itself.
check() {
	local name=$1
	shift
	printf '%s: %s\n' "${0##*/}" "$name"
	"$@" || failed+=("$name")
}

# finish: exits 1, with their names, if checks have failed.
finish() {
	if ((${#failed[@]} > 0)); then
		printf '%s: failed:%s\n' "${0##*/}" "$(printf ' [%s]' "${failed[@]}")" >&2
		exit 1
	fi
}
