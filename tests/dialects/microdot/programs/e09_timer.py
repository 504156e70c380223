import time

from microdot import Microdot

app = Microdot()


@app.before_request
async def start(request):
    request.g.begun = time.time()


@app.after_request
async def stop(request, response):
    spent = time.time() - request.g.begun
    print(f"took {spent:0.2f} s")


@app.get("/")
async def index(request):
    return "done"
