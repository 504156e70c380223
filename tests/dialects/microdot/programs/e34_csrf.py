from microdot import Microdot
from microdot.cors import CORS
from microdot.csrf import CSRF

app = Microdot()
cors = CORS(app, allowed_origins=["https://reef.example"])
csrf = CSRF(app, cors)


@app.post("/log")
async def write_log(request):
    return "written"


@app.post("/webhook")
@csrf.exempt
async def webhook(request):
    return "received"
