from microdot import Microdot

app = Microdot()

PAGE = """<!doctype html>
<title>The treasury</title>
<h1>Free pearls</h1>
<form method="post" action="http://localhost:5000">
<input type="hidden" name="amount" value="100"> <button>Get 100 pearls</button>
</form>"""


@app.route("/", methods=["GET", "POST"])
def lure(request):
    return PAGE, {"Content-Type": "text/html"}


if __name__ == "__main__":
    app.run(port=5001, debug=True)
