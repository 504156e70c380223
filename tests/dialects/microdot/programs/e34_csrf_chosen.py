from microdot import Microdot
from microdot.cors import CORS
from microdot.csrf import CSRF

app = Microdot()
cors = CORS(app, allowed_origins=["https://reef.example"])
csrf = CSRF(app, cors, protect_all=False)


@app.post("/log")
async def write_log(request):
    return "written"


@app.post("/submit-form")
@csrf.protect
async def submit_form(request):
    return "submitted"
