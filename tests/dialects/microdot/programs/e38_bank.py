from microdot import Microdot, redirect
from microdot.cors import CORS
from microdot.csrf import CSRF

app = Microdot()
cors = CORS(app, allowed_origins=["http://localhost:5000"])
csrf = CSRF(app, cors)

pearls = 1000

PAGE = """<!doctype html>
<title>The treasury</title>
<p>You have ${:.02f} in pearls</p>
<form method="post" action="">
<label>Give away <input name="amount"></label> <button>Give</button>
</form>"""


@app.route("/", methods=["GET", "POST"])
def treasury(request):
    global pearls
    if request.method == "POST":
        try:
            pearls -= float(request.form["amount"])
        except ValueError:
            pass  # no number
        return redirect("/")
    return PAGE.format(pearls), {"Content-Type": "text/html"}


if __name__ == "__main__":
    app.run(debug=True)
