"""`app.run()` with options given as JSON on the command line."""

import json
import sys

from nacre import Nacre, Request

app = Nacre()


@app.get("/")
async def index(request: Request) -> dict[str, object]:
    return {"scheme": request.scheme, "client": bool(request.client)}


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    if "ssl" in options:
        options["ssl"] = tuple(options["ssl"])
    app.run(log_level="warning", **options)
