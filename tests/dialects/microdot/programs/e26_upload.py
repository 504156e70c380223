from microdot import Microdot
from microdot.multipart import with_form_data

app = Microdot()


@app.post("/manifest")
@with_form_data
async def manifest(request):
    print("texts:", request.form)
    print("files:", {name: file.filename for name, file in request.files.items()})
    for file in request.files.values():
        print(await file.read())
