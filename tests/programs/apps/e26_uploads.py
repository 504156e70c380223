# ruff: noqa: T201 - what it prints is tested too
"""Uploads, whole and part by part."""

from nacre import Nacre, UploadFile

app = Nacre()


@app.post("/whole")
async def whole(request):
    form = await request.form()
    print("fields:", {name: value for name, value in form.items() if isinstance(value, str)})
    print("files:", {name: value.filename for name, value in form.items() if isinstance(value, UploadFile)})


@app.post("/parts")
async def parts(request):
    async for part in request.parts():
        if part.filename is None:
            print(part.name, "is", await part.text())
        else:
            print(part.name, "has", sum([len(piece) async for piece in part]), "bytes of", part.filename)
