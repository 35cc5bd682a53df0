"""A terminal that a test drives: runs a program in it, types what stands on its standard input, and
prints the screen, a line of JSON, whenever it has changed.

    screen.py COLUMNS LINES PROGRAM [ARGUMENT...]
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios

import pyte


def main():
    columns, lines = int(sys.argv[1]), int(sys.argv[2])
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[3], sys.argv[3:])
    size = struct.pack("HHHH", lines, columns, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    screen = pyte.Screen(columns, lines)
    stream = pyte.ByteStream(screen)
    shown = None
    while True:
        readable, _, _ = select.select([terminal, sys.stdin], [], [])
        if sys.stdin in readable:
            typed = os.read(sys.stdin.fileno(), 4096)
            if not typed:
                return
            os.write(terminal, typed)
        if terminal in readable:
            try:
                output = os.read(terminal, 65536)
            except OSError:  # The program has ended.
                return
            stream.feed(output)
            if screen.display != shown:
                shown = list(screen.display)
                print(json.dumps([line.rstrip() for line in shown]), flush=True)


main()
