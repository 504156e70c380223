from utemplate import compiled


class Loader(compiled.Loader):
    """Reads a template again each time, as it may have changed."""

    def load(self, name):
        self.loaded.clear()
        return super().load(name)
