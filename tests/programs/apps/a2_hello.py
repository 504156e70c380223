"""The smallest application."""

from nacre import Nacre

app = Nacre()


@app.route("/")
def shore(request):
    return "The tide is in."


if __name__ == "__main__":
    app.run(port=5000)
