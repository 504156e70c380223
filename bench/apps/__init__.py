"""One file per application. Each has `build(setting)`, and `app` for servers, built from the environment."""
