"""A clinic: an API with pydantic models over SQLite, for doctors, patients, appointments and prescriptions.

    app.py         the routes, and the layers in front of them: read this first
    models.py      what clients send and get
    store.py       the database
    medicines.csv  medicines by their ATC codes (WHO Collaborating Centre for Drug Statistics Methodology)

Run it with `python -m nacre run examples.clinic.app:app` and open /docs, or send `Authorization: Bearer desk-1`.
"""
