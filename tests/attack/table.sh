#!/bin/bash
# table.sh: prints what stops each attack on this host, as a table: with the filter, with the jail alone, with neither.
set -u

# What bats gives to its tests.
bats_require_minimum_version() { :; }
# shellcheck source=/dev/null
. "$(dirname "$0")/../e2e/helpers.bash"
# shellcheck source=/dev/null
. "$(dirname "$0")/../e2e/attacks.bash"

table
