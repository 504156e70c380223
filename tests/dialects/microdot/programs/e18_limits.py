from microdot import Microdot, Request

Request.max_content_length = 1024 * 1024
Request.max_body_length = 8 * 1024

app = Microdot()


@app.post("/cargo")
async def cargo(request):
    size = 0
    while size < request.content_length:
        size += len(await request.stream.read(4096))
    return {"held": len(request.body), "streamed": size}
