from microdot import Microdot
from microdot.multipart import FileUpload, FormDataIter

app = Microdot()


@app.post("/manifest")
async def manifest(request):
    async for name, value in FormDataIter(request):
        if isinstance(value, FileUpload):
            value = f"{value.filename} of {len(await value.read())} bytes"
        print(name, "is", value)
