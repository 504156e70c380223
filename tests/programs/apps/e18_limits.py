"""Limits: bodies up to 8 KiB are read, larger ones only as streams, and those up to 1 MiB."""

from nacre import Nacre, abort

app = Nacre(max_body=8 * 1024)

LONGEST = 1024 * 1024


@app.post("/whole")
async def whole(request):
    return {"read": len(await request.body())}


@app.post("/streamed")
async def streamed(request):
    if (request.content_length or 0) > LONGEST:
        abort(413, f"a stream of up to {LONGEST} bytes is taken here")
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > LONGEST:
            abort(413, f"a stream of up to {LONGEST} bytes is taken here")
    return {"streamed": size}


@app.post("/wide", max_body=LONGEST)
async def wide(request):
    return {"read": len(await request.body())}
