import ssl
import sys

from microdot import Microdot

app = Microdot()


@app.get("/")
async def vault(request):
    return f"a sealed crate, over {request.scheme}"


@app.get("/close")
async def close(request):
    request.app.shutdown()
    return "closing time"


if __name__ == "__main__":
    port, cert, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    app.run(host="127.0.0.1", port=int(port), debug=True, ssl=context)
    print("the vault is closed")
