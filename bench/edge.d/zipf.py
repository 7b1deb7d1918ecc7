# Asks for objects whose popularity is Zipf's: the same requests in the same order at each
# run, from some connections. Prints bytes, wall and how many answers were not 200, of the
# second part: the first only warms the cache.
import bisect, itertools, os, random, selectors, socket, sys, time

port, objects, skew, warm, count = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
CONNECTIONS = 16
chance = random.Random(7)
sums = list(itertools.accumulate(1 / rank**skew for rank in range(1, objects + 1)))
names = chance.sample(range(objects), objects)
numbers = [names[bisect.bisect_left(sums, chance.random() * sums[-1])] for _ in range(warm + count)]


class Peer:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.head = b""
        self.left = 0

    def ask(self, number):
        self.head, self.left = b"", -1
        self.socket.sendall(b"GET /zipf/%d HTTP/1.1\r\nHost: zipf\r\n\r\n" % number)

    # How many bytes of a body came.
    def read(self):
        if self.left < 0:
            self.head += self.socket.recv(1 << 16)
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return 0
            fields = self.head[:end].lower().split(b"\r\n")
            self.good = b" 200 " in fields[0] + b" "
            lens = [int(field[15:]) for field in fields if field.startswith(b"content-length:")]
            came = len(self.head) - end - 4
            self.left = lens[0] - came
            return came
        came = self.socket.recv_into(buffer, min(self.left, len(buffer)))
        if came == 0:
            raise SystemExit("the server closed a connection within a body")
        self.left -= came
        return came


buffer = bytearray(1 << 20)


def run(numbers):
    poll, bad, got, todo = selectors.EpollSelector(), 0, 0, iter(numbers)
    for peer in peers:
        poll.register(peer.socket, selectors.EVENT_READ, peer)
        peer.ask(next(todo))
    busy = len(peers)
    while busy:
        for key, _ in poll.select():
            peer = key.data
            got += peer.read()
            if peer.left == 0:
                bad += not peer.good
                number = next(todo, None)
                if number is None:
                    busy -= 1
                    poll.unregister(peer.socket)
                else:
                    peer.ask(number)
    return got, bad


peers = [Peer() for _ in range(CONNECTIONS)]
run(numbers[:warm])
# The other side reads its counters now.
print("warm", flush=True)
sys.stdin.readline()
begun = time.monotonic()
got, bad = run(numbers[warm:])
print(f"bytes={got} wall={time.monotonic() - begun:.6f} errors={bad} client_used={sum(os.times()[:2]):.2f}", flush=True)
