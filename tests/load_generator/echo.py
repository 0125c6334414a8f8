"""As a program: answers every request on a free port, which it prints, with the same bytes and no thought.

What is left of a measurement against it is the load generator's own cost.
"""

from __future__ import annotations

import select
import socket

BODY = b'{"predictions": [1.0]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nx-model-version: 1.0.0\r\n\r\n%s" % (len(BODY), BODY)


def main() -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    open_ones: dict[int, socket.socket] = {}
    print(listener.getsockname()[1], flush=True)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                accepted, _ = listener.accept()
                open_ones[accepted.fileno()] = accepted
                poll.register(accepted, select.EPOLLIN)
            elif open_ones[descriptor].recv(1 << 16):
                open_ones[descriptor].send(ANSWER)
            else:
                open_ones.pop(descriptor).close()


if __name__ == "__main__":
    main()
