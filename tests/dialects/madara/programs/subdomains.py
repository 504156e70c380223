from madara.app import Madara
from madara.blueprints import Blueprint

app = Madara(config={"server_name": "example.com", "subdomain_matching": True})
islands = Blueprint("islands", subdomain="islands")


@app.route("/")
def mainland(request):
    return "the mainland"


@app.route("/", subdomain="port", endpoint="port")
def port(request):
    return "the port"


@app.route("/ship", subdomain="<name>")
def ship(request, name):
    return "ship " + name


@islands.route("/map")
def chart(request):
    return "the map of " + request.host


app.register_blueprint(islands)
app.register_blueprint(islands, subdomain="reefs", url_prefix="/low")
