#!/bin/sh
# The compiler that cross/build.sh gives to cargo for our own code: panics there tell their line.
exec "$@" -Zlocation-detail=line
