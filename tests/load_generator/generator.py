"""Sends a load over sockets that never block, from one thread, and notes when each request was due, sent and answered."""

from __future__ import annotations

import gc
import math
import select
import time
from collections import deque

from tests.load_generator.connection import NOTHING, Answer, Connection, how_it_ended
from tests.load_generator.load import Judge, Load
from tests.load_generator.result import Outcome, Result

_BATCH = 256
clock = time.monotonic


def generate(load: Load) -> Result:
    """Send the whole load and wait for the answers."""
    # A full collection would stop the generator for longer than many answers take.
    gc.disable()
    try:
        began = time.process_time()
        generator = _Generator(load)
        generator.run()
        return Result(generator.due, generator.noticed, generator.outcomes, time.process_time() - began)
    finally:
        gc.enable()


class _Generator:
    def __init__(self, load: Load) -> None:
        self.due: list[float] = []
        self.noticed: list[float] = []
        self.outcomes: list[Outcome] = []
        self._load, self._requests, self._judge = load, load.requests(), Judge(load.questions)
        self._poll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._idle: list[Connection] = []
        self._waiting: deque[int] = deque()
        arrivals = None if load.rate is None else load.arrivals()
        self._begin = clock()
        self._end = self._begin + load.seconds
        self._last_moment = self._end + load.patience
        self._coming = None if arrivals is None else deque(self._begin + arrival for arrival in arrivals)

    def run(self) -> None:
        """Until every request was answered, or no more patience is left."""
        while clock() < self._last_moment and not self._is_over():
            self._notice_arrivals()
            self._send_waiting()
            self._handle_events()
        for connection in list(self._open.values()):
            self._close(connection, "no answer")
        self.outcomes += [Outcome(number, math.inf, math.inf, 0, "not sent") for number in self._waiting]
        self._poll.close()

    def _is_over(self) -> bool:
        coming = bool(self._coming) if self._coming is not None else clock() < self._end
        return not coming and len(self.outcomes) == len(self.due)

    def _notice_arrivals(self) -> None:
        now = clock()
        if self._coming is None:
            while now < self._end and len(self.due) - len(self.outcomes) < self._load.connections:
                self._arrive(now, now)
        while self._coming and self._coming[0] <= now:
            self._arrive(self._coming.popleft(), now)

    def _arrive(self, due: float, now: float) -> None:
        self._waiting.append(len(self.due))
        self.due.append(due)
        self.noticed.append(now)

    def _send_waiting(self) -> None:
        while self._waiting and (connection := self._free_connection()) is not None:
            number = self._waiting.popleft()
            try:
                sent = connection.carry(number, self._requests[number % len(self._requests)], clock())
            except ConnectionError as error:
                self._close(connection, how_it_ended(error))
            else:
                if not sent:
                    self._poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)

    def _free_connection(self) -> Connection | None:
        if self._idle:
            return self._idle.pop()
        if len(self._open) >= self._load.connections:
            return None
        connection = Connection(self._load.port)
        self._open[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        return connection

    def _handle_events(self) -> None:
        pause = self._pause()
        # epoll_wait counts in milliseconds, which would make arrivals late; select counts in microseconds.
        if pause > 0:
            select.select([self._poll], [], [], pause)
        for descriptor, events in self._poll.poll(0, _BATCH):
            self._handle(self._open[descriptor], events)

    def _pause(self) -> float:
        if self._coming:
            return self._coming[0] - clock()
        return 0.0 if len(self.outcomes) == len(self.due) else self._last_moment - clock()

    def _handle(self, connection: Connection, events: int) -> None:
        try:
            if events & select.EPOLLOUT and connection.flush():
                self._poll.modify(connection.socket, select.EPOLLIN)
            answer = connection.receive() if events & ~select.EPOLLOUT else None
        except ConnectionError as error:
            self._close(connection, how_it_ended(error))
        else:
            if answer is not None:
                self._finish(connection, answer)

    def _finish(self, connection: Connection, answer: Answer) -> None:
        number, connection.carried = connection.carried, NOTHING
        problem = self._judge.problem(number, answer)
        self.outcomes.append(Outcome(number, connection.sent, clock(), answer.status, problem))
        if answer.header("connection").lower() == "close":
            self._close(connection, "")
        else:
            self._idle.append(connection)

    def _close(self, connection: Connection, how: str) -> None:
        """Give a connection up; what it carried has failed."""
        if connection.carried != NOTHING:
            self.outcomes.append(Outcome(connection.carried, connection.sent, clock(), 0, how))
        elif connection in self._idle:
            self._idle.remove(connection)
        del self._open[connection.socket.fileno()]
        connection.socket.close()
