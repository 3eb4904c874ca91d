"""delay.py DEVICE SECONDS: a TUN device that gives each packet back so much later. For kernels without netem."""
import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

device, delay = sys.argv[1].encode(), float(sys.argv[2])
tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", device, IFF_TUN | IFF_NO_PI))
queue = collections.deque()
while True:
    wait = max(0.0, queue[0][0] - time.monotonic()) if queue else None
    if select.select([tun], [], [], wait)[0]:
        try:
            queue.append((time.monotonic() + delay, os.read(tun, 65535)))
        except OSError:
            # The device is not up yet.
            time.sleep(0.01)
    while queue and queue[0][0] <= time.monotonic():
        try:
            os.write(tun, queue.popleft()[1])
        except OSError:
            # The router has no way for this packet; a real line would lose it too.
            pass
