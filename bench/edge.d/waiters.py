# Milliseconds after the first client's first byte of a body until all the others have theirs.
import selectors, socket, sys, time
port, path, clients = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
for peer in peers:
    peer.setblocking(False)
time.sleep(0.2)
poll, firsts = selectors.EpollSelector(), []
for n, peer in enumerate(peers):
    peer.send(b"GET %s HTTP/1.1\r\nHost: cold\r\n\r\n" % path.encode())
    poll.register(peer, selectors.EVENT_READ, n)
end = time.monotonic() + 10
while len(firsts) < clients and time.monotonic() < end:
    for key, _ in poll.select(1):
        # A head may come alone; more than this is in nobody's way.
        if not key.fileobj.recv(2048).endswith(b"\r\n\r\n"):
            firsts.append((time.monotonic(), key.data))
            poll.unregister(key.fileobj)
firsts.sort()
after = [1000 * (at - firsts[0][0]) for at, _ in firsts]
print(f"p50_ms={after[len(after) // 2]:.1f} worst_ms={after[-1]:.1f} served={len(after)}")
