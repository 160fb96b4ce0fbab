"""Asks /-/healthy every 10 ms until its input ends, then prints the longest time that an answer took, in ms."""

import select
import socket
import sys
import time

BEAT = 0.01
REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: beat\r\n\r\n"


def asked(connection):
    """Whether the answer was 200."""
    connection.sendall(REQUEST)
    answer = connection.recv(4096)
    return answer.startswith(b"HTTP/1.1 200")


def main():
    port = int(sys.argv[1])
    longest = 0.0
    connection = None
    refused_since = None
    while not select.select([sys.stdin], [], [], BEAT)[0]:
        began = refused_since or time.monotonic()
        try:
            if connection is None:
                connection = socket.create_connection(("127.0.0.1", port), 60)
                connection.settimeout(60)
            is_well = asked(connection)
        except OSError:
            connection, is_well = None, False
        longest = max(longest, time.monotonic() - began)
        refused_since = None if is_well else began
    print(longest * 1000)


if __name__ == "__main__":
    main()
