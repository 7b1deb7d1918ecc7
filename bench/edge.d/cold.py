# Milliseconds from each client's request to the first byte of its body, and to its end.
import selectors, socket, sys, time
port, clients, whole = int(sys.argv[1]), 200, 1 << 20
peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
time.sleep(0.2)
poll, state = selectors.EpollSelector(), {}
for peer in peers:
    peer.setblocking(False)
    poll.register(peer, selectors.EVENT_READ)
for peer in peers:
    state[peer] = [time.monotonic(), None, b"", 0]
    peer.send(b"GET /cold/1 HTTP/1.1\r\nHost: cold\r\n\r\n")
first, last, open_ones, end = [], [], clients, time.monotonic() + 20
while open_ones and time.monotonic() < end:
    for key, _ in poll.select(1):
        peer, it = key.fileobj, state[key.fileobj]
        got = peer.recv(1 << 18)
        now = (time.monotonic() - it[0]) * 1000
        if it[1] is None:
            it[2] += got
            if b"\r\n\r\n" in it[2]:
                body = it[2].split(b"\r\n\r\n", 1)[1]
                it[2] = it[2] if not body else b""
                if body: it[1] = now; it[3] = len(body); first.append(now)
        else:
            it[3] += len(got)
        if it[3] >= whole or not got:
            if it[3] == whole: last.append(now)
            open_ones -= 1
            poll.unregister(peer)
first.sort()
print(f"first_p50={first[len(first) // 2]:.1f} first_worst={first[-1]:.1f} last_worst={max(last, default=0):.1f} whole={len(last)}")
