from madara.app import Madara

app = Madara(config={})


def sign_in():
    return "signed in"


def sign_in_form():
    return "who goes there?"


@app.route("/login", methods=["GET", "POST"])
def login(request):
    if request.method == "POST":
        return sign_in()
    else:
        return sign_in_form()
