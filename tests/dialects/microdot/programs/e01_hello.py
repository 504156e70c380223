import sys

from microdot import Microdot

app = Microdot()


@app.route("/")
async def greet(request):
    return "Ahoy from the pier"


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
