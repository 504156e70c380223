from madara.app import Madara

app = Madara(config={"Greeting": "ahoy"})


@app.route("/config")
def config(request):
    names = ("debug", "middlewares", "server_name", "host_matching", "subdomain_matching", "logger_handler")
    return {**{name: app.config[name] for name in names}, "given": [app.config["Greeting"], app.config["greeting"]]}
