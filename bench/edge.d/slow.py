import socket, sys, threading, time
LEN, PARTS = 1 << 20, 16
def serve(peer):
    global count
    with peer:
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                got = peer.recv(65536)
                if not got: return
                data += got
            head, data = data.split(b"\r\n\r\n", 1)
            name = head.split()[1]
            if name == b"/count":
                body = b"%d" % count
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                continue
            if not name.startswith(b"/cold"):
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                continue
            count += 1
            begun = time.monotonic()
            time.sleep(0.1)
            peer.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nETag: \"a\"\r\nContent-Length: %d\r\n\r\n" % LEN + bytes(LEN // PARTS))
            for part in range(1, PARTS):
                time.sleep(max(0, begun + 0.1 + 0.1 * part - time.monotonic()))
                peer.sendall(bytes(LEN // PARTS))
count = 0
sys.setswitchinterval(0.0005)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
while True:
    peer = listener.accept()[0]
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
