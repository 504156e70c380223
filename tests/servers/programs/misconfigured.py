"""An application that can't start: one of its layers is none."""

import sys
from typing import Any

from nacre import Nacre

app = Nacre()


@app.get("/same")
async def one() -> str:
    return "one"


def layer(request: Any) -> None: ...


app.middlewares.append(layer)


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), workers=int(sys.argv[2]), log_level="warning")
