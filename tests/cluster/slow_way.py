"""slow_way.py MILLISECONDS PERCENT: a way between two network interfaces, slow0 and slow1, that takes so
long and loses so many of the packets, each way. Needs root. Says "up" when both are there."""

import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

# <linux/if_tun.h>: an interface for whole frames, without a header before them.
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
LONGEST = 70_000


def interface(name):
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return end


def frames(end):
    while True:
        try:
            yield os.read(end, LONGEST)
        except BlockingIOError:
            return


def main(milliseconds, percent):
    ends = [interface("slow0"), interface("slow1")]
    print("up", flush=True)
    # When it comes out, in which order it came in, where, and what.
    under_way, count = [], 0
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select(ends, [], [], wait)
        for end in readable:
            other = ends[1 - ends.index(end)]
            for frame in frames(end):
                if random.random() * 100 >= percent:
                    count += 1
                    due = time.monotonic() + milliseconds / 1000
                    heapq.heappush(under_way, (due, count, other, frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, other, frame = heapq.heappop(under_way)
            try:
                os.write(other, frame)
            except OSError:
                # The interface is not up, or takes no more: a packet is lost.
                pass


main(float(sys.argv[1]), float(sys.argv[2]))
