import socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
peers = []
for _ in range(count):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(b"GET /small/1 HTTP/1.1\r\nHost: idle\r\n\r\n")
    got = b""
    while len(got) < 1200: got += peer.recv(65536)
    peers.append(peer)
print("open", flush=True)
sys.stdin.read()
