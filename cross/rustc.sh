#!/bin/sh
# The compiler that cross/build.sh gives to cargo for our own code: panics there tell their line, and with BENCH a program of tests/bench is
# what is compiled in place of the agent's main.rs.
for word in "$@"; do
    shift
    [ -z "${BENCH:-}" ] || [ "$word" != src/main.rs ] || word=tests/bench/$BENCH.rs
    set -- "$@" "$word"
done
exec "$@" ${RUSTC_BOOTSTRAP:+-Zlocation-detail=line}
