"""Answer every UDP datagram sent to HOST PORT with this process's id: which instance serves?"""

import os
import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
    service.bind((sys.argv[1], int(sys.argv[2])))
    answer = str(os.getpid()).encode()
    while True:
        _, asker = service.recvfrom(64)
        service.sendto(answer, asker)
